// Attention weights: every head of every layer, one of them large, and the text as one query token sees it.

const looked = { box: document.getElementById('attention'), layer: 0, head: 0, gradient: false, query: null, all: false };

const attentionOf = (layer, gradient) => values.find((value) => {
  const path = `bert.encoder.layers.${layer}.attention.attention`;
  return value.call?.block.path === path && !value.version && value.variable === (gradient ? 'dP' : 'P') && isBackward(value.call) === gradient;
});

// One head as an array of its own, with the scale of its layer.
function oneHead(value, head) {
  const { cells, rows, columns, scale } = cellsOf(value.array);
  const [, R, C, r, c] = value.array.grid;
  const part = cells.subarray(head * rows * columns, (head + 1) * rows * columns);
  return { grid: [1, R, C, r, c], exact: value.array.exact ? Array.from(part) : undefined, scale, low: value.array.low, shown: { cells: part, tables: 1, rows, columns, scale } };
}

function drawAttention() {
  const layers = blocks.filter((block) => /^bert\.encoder\.layers\.\d+$/.test(block.path)).length;
  const heads = layers ? attentionOf(0, false).shape[1] : 0;
  const grid = make('div', { class: 'heads', role: 'grid', 'aria-label': 'All heads. Arrow keys move, Enter chooses.' });
  grid.style.setProperty('--heads', heads);
  looked.cells = [];
  for (let layer = 0; layer < layers; layer += 1) {
    const value = attentionOf(layer, looked.gradient);
    const row = make('div', { class: 'heads-row', role: 'row' }, make('span', { class: 'label', role: 'rowheader', text: layer }));
    looked.cells.push([]);
    for (let head = 0; head < heads; head += 1) {
      const cell = make('button', {
        type: 'button', class: 'head', role: 'gridcell', tabindex: '-1', 'aria-label': `layer ${layer}, head ${head}`, title: `layer ${layer}, head ${head}`,
        on: { click: () => chooseHead(layer, head) },
      }, thumbnail(oneHead(value, head), 0, 0));
      row.append(cell);
      looked.cells[layer].push(cell);
    }
    grid.append(row);
  }
  grid.addEventListener('keydown', moveOverHeads);
  looked.heat = new Heatmap('Attention of one head', (cursor) => askFrom(cursor.row * looked.heat.value.array.grid[3]));
  looked.title = make('h2', {});
  looked.text = make('p', { class: 'sees', 'aria-label': 'The text as one query token sees it' });
  drawTokens();
  looked.says = make('p', { class: 'soft', role: 'status' });
  looked.legend = make('div');
  const choice = (text, on, act) => make('button', { type: 'button', class: 'plain', text, 'aria-pressed': String(on), on: { click: act } });
  looked.box.replaceChildren(
    make('div', { class: 'two' },
      make('div', {}, make('h2', { text: 'All heads' }), make('p', { class: 'soft', text: 'One row per layer, one column per head. In each picture row = query token, column = key token.' }),
        make('div', { class: 'choice', role: 'group', 'aria-label': 'What is shown' },
          choice('probability P', !looked.gradient, () => { looked.gradient = false; drawAttention(); }),
          choice('gradient ∂loss/∂P', looked.gradient, () => { looked.gradient = true; drawAttention(); })),
        make('div', { class: 'scroll' }, grid)),
      make('div', { class: 'one' }, looked.title, looked.heat.readout, looked.heat.frame, looked.legend,
        make('div', { class: 'head' }, make('h3', { text: 'The text, seen from one query token' }),
          make('div', { class: 'choice', role: 'group', 'aria-label': 'Which heads' },
            choice('this head', !looked.all, () => { looked.all = false; drawAttention(); }), choice('mean of the layer', looked.all, () => { looked.all = true; drawAttention(); }))),
        looked.text, looked.says)),
  );
  chooseHead(Math.min(looked.layer, layers - 1), Math.min(looked.head, heads - 1));
}

function chooseHead(layer, head) {
  looked.layer = layer;
  looked.head = head;
  looked.cells.forEach((row, i) => row.forEach((cell, j) => {
    const here = i === layer && j === head;
    cell.classList.toggle('here', here);
    cell.setAttribute('tabindex', here ? '0' : '-1');
    cell.setAttribute('aria-current', String(here));
  }));
  const value = attentionOf(layer, looked.gradient);
  const name = looked.gradient ? 'dP' : 'P';
  looked.title.textContent = `Layer ${layer}, head ${head}`;
  const array = oneHead(value, head);
  looked.heat.show({ ...value, array, axes: ['', 'token', 'key'] }, name);
  looked.legend.replaceChildren(legend(array));
  askFrom(looked.query ?? Math.min(1, tokens.length - 1));
  remember(`attention/${layer}/${head}`);
}

// The tokens; pointing at one, or moving the focus there, makes it the query. (Not pointerenter: that also comes when the page
// moves below a pointer at rest.)
function drawTokens() {
  const ask = (key) => () => looked.query !== key && askFrom(key);
  looked.tokens = tokens.map((token, key) => make('button', {
    type: 'button', class: 'token', on: { click: ask(key), pointermove: ask(key), focus: ask(key) },
  }, tokenElement(token), make('small')));
  looked.text.replaceChildren(...looked.tokens);
}

// Colors each token by its attention weight as a key of the token `query`.
function askFrom(query) {
  looked.query = query;
  const value = attentionOf(looked.layer, looked.gradient);
  const { cells, tables, rows, columns } = cellsOf(value.array);
  const chosen = looked.all ? Array.from({ length: tables }, (_, head) => head) : [looked.head];
  const [, , , r, c] = value.array.grid; // of a long text a cell stands for several tokens
  const row = Math.floor(query / r);
  const shares = tokens.map((_, key) => chosen.reduce((sum, head) => sum + cells[(head * rows + row) * columns + Math.floor(key / c)], 0) / chosen.length);
  const largest = Math.max(...shares.map(Math.abs)) || 1;
  looked.tokens.forEach((button, key) => {
    button.classList.toggle('asks', key === query);
    button.lastChild.textContent = looked.gradient ? numberText(shares[key], 2) : shares[key].toFixed(2);
    tint(button, shareOf(shares[key], largest));
  });
  const best = shares.indexOf(Math.max(...shares));
  const who = looked.all ? `the heads of layer ${looked.layer} on average` : `layer ${looked.layer}, head ${looked.head}`;
  looked.says.textContent = looked.gradient
    ? `${who}: the loss would fall fastest if ${isolate(tokens[query])} looked less at ${isolate(tokens[best])}`
    : `${who}: ${isolate(tokens[query])} looks most at ${isolate(tokens[best])} (${numberText(shares[best], 3)})`;
}

function moveOverHeads(event) {
  const row = looked.cells.findIndex((cells) => cells.includes(event.target));
  if (row < 0) return;
  const column = looked.cells[row].indexOf(event.target);
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
  const next = looked.cells[row + down]?.[column + right];
  if (!(down || right) || !next) return;
  event.preventDefault();
  chooseHead(row + down, column + right);
  next.focus();
}
