// The model as a map: a row for the embedding, for each layer and for the head, a cell for each block, colored by the
// length of the gradient that flows through it, or by the size of what it hands on.

const SHORT = {
  qkv: 'QKV', attention: 'MHA', softmax: 'σ', output: 'out', attention_norm: 'LN', feed_forward: 'FFN', expand: 'W₁', gelu: 'gelu',
  contract: 'W₂', feed_forward_norm: 'LN', word: 'word', position: 'pos', segment: 'seg', norm: 'LN', dense: 'dense', tanh: 'tanh',
  head: 'head', loss: 'loss', transform: 'dense', decoder: 'dec', log_p: 'log p', start: 'start', end: 'end', vector: 'pool', size: 'size',
};

const map = { box: document.getElementById('map'), cells: new Map(), rows: [], backward: true };

function shortName(block) {
  const parts = block.path.split('.');
  const last = parts[parts.length - 1];
  if (last === 'attention' && parts[parts.length - 2] === 'attention') return 'att';
  if (last === 'log_p') return 'log p';
  return SHORT[last] ?? last;
}

// The rows of the map: [label block, blocks below it in order of the forward]
function mapRows() {
  const rows = [];
  const under = (path) => blocks.filter((block) => block.path === path || block.path.startsWith(`${path}.`));
  const layer = /^bert\.encoder\.layers\.\d+$/;
  const tops = blocks.filter((block) => ['bert.embedding', 'bert.pooler', data.asked.task].includes(block.path) || layer.test(block.path));
  const whole = ['objective', 'bert', 'bert.encoder'].map((path) => blockByPath.get(path)).filter(Boolean);
  rows.push({ label: 'all', blocks: whole });
  for (const top of tops) {
    const inside = under(top.path).sort((a, b) => order(a) - order(b));
    const number = top.path.match(/layers\.(\d+)$/)?.[1];
    const label = number ?? { 'bert.embedding': 'emb', 'bert.pooler': 'pool' }[top.path] ?? 'task';
    rows.push({ label, top, blocks: inside.filter((block) => block !== top), layer: number !== undefined });
  }
  return rows;
}
const order = (block) => block.calls.find((call) => !isBackward(call))?.index ?? Infinity;

function drawMap() {
  map.rows = [];
  map.cells.clear();
  const body = make('div', { class: 'rows', role: 'grid', 'aria-label': 'Map of the model. Arrow keys move, Enter opens.' });
  for (const row of mapRows()) {
    const cells = [];
    const line = make('div', { class: row.layer ? 'row layer' : 'row', role: 'row' });
    if (row.top) {
      const label = mapCell(row.top, row.label, 'label');
      cells.push(label);
      line.append(label);
    } else {
      line.append(make('span', { class: 'label', role: 'rowheader', text: row.label }));
    }
    line.append(...groupsOf(row, cells));
    body.append(line);
    map.rows.push(cells);
  }
  body.addEventListener('keydown', moveOnMap);
  const toggle = make('div', { class: 'choice', role: 'group', 'aria-label': 'What the colors of the map show' },
    ...[['gradient', true], ['values', false]].map(([text, backward]) => make('button', {
      type: 'button', class: 'plain', text, 'aria-pressed': String(map.backward === backward),
      on: { click: () => { map.backward = backward; drawMap(); markOnMap(source.block); } },
    })));
  const fold = make('button', {
    type: 'button', class: 'plain fold', text: 'Map ▾', 'aria-expanded': String(map.box.classList.contains('open')),
    on: { click: () => fold.setAttribute('aria-expanded', String(map.box.classList.toggle('open'))) },
  });
  map.box.replaceChildren(make('div', { class: 'head' }, make('h2', { text: 'Map' }), fold, toggle), body,
    make('p', { class: 'soft', text: map.backward ? 'Stronger: a longer gradient arrives at this block on the way back (logarithmic).' : 'Stronger: what the block hands on is longer (logarithmic).' }));
  colorMap();
  const first = map.cells.get(source.block ?? blocks[0]);
  first?.setAttribute('tabindex', '0');
}

// The two residual connections of a layer: from the branch's begin over its blocks to the norm behind the sum.
function groupsOf(row, cells) {
  const add = (block) => {
    const cell = mapCell(block, shortName(block), row.layer && /(^|\.)(attention|feed_forward)$/.test(block.path) && block.children.length ? 'whole' : '');
    cells.push(cell);
    return cell;
  };
  if (!row.layer) return [make('div', { class: 'branch', role: 'presentation' }, ...row.blocks.map(add))];
  const norms = row.blocks.filter((block) => block.path.endsWith('_norm'));
  const firstNorm = row.blocks.indexOf(norms[0]);
  return [row.blocks.slice(0, firstNorm + 1), row.blocks.slice(firstNorm + 1)].map((part) => make('div', { class: 'branch residual', role: 'presentation' }, ...part.map(add)));
}

function mapCell(block, text, kind) {
  const cell = make('button', {
    type: 'button', role: 'gridcell', class: `cell ${kind}`, tabindex: '-1', text, title: block.path, 'aria-label': block.path,
    on: { click: () => openBlock(block) },
  });
  map.cells.set(block, cell);
  return cell;
}

function colorMap() {
  const flows = [...map.cells].map(([block, cell]) => [cell, flowOf(block, map.backward), block]);
  const sizes = flows.map(([, size]) => size).filter((size) => size > 0);
  const [low, high] = [Math.log(Math.min(...sizes)), Math.log(Math.max(...sizes))];
  for (const [cell, size, block] of flows) {
    if (!size) continue;
    tint(cell, 0.12 + (0.78 * (Math.log(size) - low)) / (high - low || 1));
    cell.title = `${block.path}: ${map.backward ? 'gradient' : 'values'} of length ${numberText(size, 3)}`;
  }
}

function moveOnMap(event) {
  const cell = event.target.closest('.cell');
  const row = map.rows.findIndex((cells) => cells.includes(cell));
  if (row < 0) return;
  const column = map.rows[row].indexOf(cell);
  const near = (cells) => cells?.[Math.min(column, cells.length - 1)];
  const next = {
    ArrowRight: map.rows[row][column + 1], ArrowLeft: map.rows[row][column - 1],
    ArrowDown: near(map.rows[row + 1]), ArrowUp: near(map.rows[row - 1]),
    Home: map.rows[row][0], End: map.rows[row][map.rows[row].length - 1],
  }[event.key];
  if (!next) return;
  event.preventDefault();
  for (const other of map.cells.values()) other.setAttribute('tabindex', '-1');
  next.setAttribute('tabindex', '0');
  next.focus();
}

function markOnMap(block) {
  for (const [one, cell] of map.cells) {
    const here = one === block;
    cell.classList.toggle('here', here);
    cell.classList.toggle('around', !here && block.path.startsWith(`${one.path}.`));
    cell.setAttribute('aria-current', here ? 'true' : 'false');
    cell.setAttribute('tabindex', here ? '0' : '-1');
  }
  if (![...map.cells.values()].some((cell) => cell.getAttribute('tabindex') === '0')) map.rows[0][0]?.setAttribute('tabindex', '0');
}

themeWatchers.push(() => { drawMap(); if (source.block) markOnMap(source.block); });
