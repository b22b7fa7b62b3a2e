// Numbers in a table, tinted: blue below zero, orange above, the scale the largest magnitude of all.

function heatTable(caption, columns, rows, press = null) {
  const numbers = rows.flatMap((row) => row.values.filter(Number.isFinite));
  const scale = Math.max(...numbers.map(Math.abs), 0);
  const table = make('table', { class: 'heat' }, make('caption', { text: caption }));
  table.append(make('thead', {}, make('tr', {}, make('td'), ...columns.map((name) => make('th', { scope: 'col' }, make('bdi', { text: name }))))));
  const body = make('tbody');
  rows.forEach((row, i) => {
    body.append(make('tr', {}, make('th', { scope: 'row', text: row.name }), ...row.values.map((x, j) => {
      if (x === undefined) return make('td');
      const cell = make('td', { title: `${row.name}, ${columns[j]}: ${signedText(x)}` });
      const inside = press ? button(signedText(x, 2), () => press(i, j), { class: 'cell', 'aria-pressed': row.pressed[j] ? 'true' : 'false' }) : make('span', { text: signedText(x, 2) });
      cell.append(inside);
      tint(cell, Number.isFinite(x) ? shareOf(x, scale) : NaN);
      return cell;
    })));
  });
  table.append(body);
  return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, table);
}

// Lines over the same steps, told apart by their dash as well as by their color.
function curves(caption, every) {
  const lines = every.filter((line) => line.values.length);
  const [W, H, left, bottom] = [560, 220, 46, 26];
  const all = lines.flatMap((line) => line.values.filter(Number.isFinite));
  const count = Math.max(...lines.map((line) => line.values.length), 2);
  const [low, high] = [Math.min(...all, 0), Math.min(Math.max(...all), 20)];
  const x = (i) => left + (i / (count - 1)) * (W - left - 10);
  const y = (v) => 10 + (1 - (Math.min(v, high) - low) / (high - low || 1)) * (H - bottom - 10);
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const put = (tag, attributes, text) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    svg.append(element);
  };
  svg.setAttribute('viewBox', `0 0 ${W} ${H}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${caption}: ${lines.map((line) => `${line.name} from ${numberText(line.values[0], 3)} to ${numberText(line.values[line.values.length - 1], 3)}`).join('; ')}`);
  for (const v of [low, (low + high) / 2, high]) {
    put('line', { x1: left, x2: W - 10, y1: y(v), y2: y(v), class: 'grid' });
    put('text', { x: left - 6, y: y(v) + 4, 'text-anchor': 'end', class: 'tick' }, numberText(v, 2));
  }
  put('text', { x: left, y: H - 6, class: 'tick' }, 'step 1');
  put('text', { x: W - 10, y: H - 6, 'text-anchor': 'end', class: 'tick' }, `step ${count}`);
  lines.forEach((line, i) => {
    const points = line.values.map((v, step) => (Number.isFinite(v) ? `${x(step)},${y(v)}` : null)).filter(Boolean);
    put('polyline', { points: points.join(' '), class: `curve curve-${i}` });
  });
  const legend = make('p', { class: 'legend' }, ...lines.map((line, i) => make('span', { class: `key key-${i}`, text: line.name })));
  return make('figure', {}, svg, legend, make('figcaption', { class: 'soft', text: caption }));
}
