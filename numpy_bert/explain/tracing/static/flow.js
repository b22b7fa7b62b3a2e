// Where the gradient of the loss flows: by piece and layer, by head, by parameter.

const flowBox = document.getElementById('flow');

// A table whose cells are tinted by the logarithms of their numbers, over four decades at most.
function heatTable(caption, header, rows) {
  const logs = rows.flatMap(([, numbers]) => numbers.filter((x) => x > 0)).map(Math.log10);
  const high = Math.max(...logs);
  const low = Math.max(high - 4, Math.min(...logs));
  const share = (x) => (x > 0 ? 0.06 + (0.94 * Math.max(0, Math.log10(x) - low)) / (high - low || 1) : x === 0 ? 0 : NaN);
  const body = make('tbody');
  for (const [name, numbers] of rows) {
    const cells = numbers.map((x) => {
      const cell = make('td', { text: numberText(x, 2) });
      tint(cell, share(x));
      return cell;
    });
    body.append(make('tr', {}, make('th', { scope: 'row' }, name), ...cells));
  }
  const head = make('thead', {}, make('tr', {}, make('td'), ...header.map((text) => make('th', { scope: 'col', text }))));
  return make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, make('table', { class: 'heat-table' }, head, body));
}

function bars(rows) {
  const largest = Math.max(...rows.map(([, x]) => x)) || 1;
  return make('table', { class: 'bars' }, make('tbody', {}, ...rows.map(([name, x, note]) => {
    const bar = make('div', { class: 'bar-fill' });
    bar.style.width = `${(100 * (x ?? 0)) / largest}%`;
    return make('tr', {}, make('th', { scope: 'row' }, name), make('td', { class: 'number' }, numberText(x, 3)), make('td', { class: 'bar-cell' }, bar), make('td', {}, note ?? ''));
  })));
}

function drawFlow() {
  const { stages, pieces, heads, tensors, layers, others } = data.flow;
  const total = (row) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
  flowBox.replaceChildren(
    make('p', { class: 'lead', text: 'How long the gradient of the loss is, √(Σ g²), at each place it passes on its way back. It enters on the right, at the last layer, and leaves on the left, at the embeddings.' }),
    make('h2', { text: 'By piece and layer' }),
    make('p', { class: 'soft', text: 'The gradient by the hidden state of each piece behind each layer. The colours of these tables are logarithmic.' }),
    heatTable('Gradient by piece and layer', stages, pieces.map((row, i) => [make('span', {}, `${i} `, piece(tokens[i])), row])),
    make('h2', { text: 'By head' }),
    make('p', { class: 'soft', text: 'The gradient by what each head hands on, all pieces together. A row a layer.' }),
    heatTable('Gradient by head', (heads[0] ?? []).map((_, head) => `head ${head}`), heads.map((row, i) => [`layer ${i}`, row])),
    make('h2', { text: 'By layer' }),
    make('p', { class: 'soft', text: 'The gradient by all parameters of a layer together.' }),
    bars(layers.map((row, i) => [`layer ${i}`, total(row)])),
    make('h2', { text: 'By parameter' }),
    heatTable('Gradient by parameter within a layer', tensors, layers.map((row, i) => [`layer ${i}`, row])),
    make('h3', { text: 'Outside the layers' }),
    bars(others.map(([name, x]) => [make('code', { text: name }), x])),
  );
}
