// Where the gradient of the loss flows: by token and layer, by head, by parameter.

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
  const { stages, tokens: tokenNorms, heads, tensors, layers, others } = data.flow;
  const total = (row) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
  flowBox.replaceChildren(
    make('p', { class: 'lead', text: 'The norm √(Σ g²) of the gradient of the loss at each stage of the backward pass. It enters on the right, at the last layer, and leaves on the left, at the embeddings.' }),
    make('h2', { text: 'By token and layer' }),
    make('p', { class: 'soft', text: 'Norm of the gradient with respect to the hidden state of each token after each layer. The colors of these tables are logarithmic.' }),
    heatTable('Gradient by token and layer', stages, tokenNorms.map((row, i) => [make('span', {}, `${i} `, tokenElement(tokens[i])), row])),
    make('h2', { text: 'By head' }),
    make('p', { class: 'soft', text: 'Norm of the gradient with respect to the output of each head, over all tokens. One row per layer.' }),
    heatTable('Gradient by head', (heads[0] ?? []).map((_, head) => `head ${head}`), heads.map((row, i) => [`layer ${i}`, row])),
    make('h2', { text: 'By layer' }),
    make('p', { class: 'soft', text: 'Norm of the gradient with respect to all parameters of a layer.' }),
    bars(layers.map((row, i) => [`layer ${i}`, total(row)])),
    make('h2', { text: 'By parameter' }),
    heatTable('Gradient by parameter within a layer', tensors, layers.map((row, i) => [`layer ${i}`, row])),
    make('h3', { text: 'Outside the layers' }),
    bars(others.map(([name, x]) => [make('code', { text: name }), x])),
  );
}
