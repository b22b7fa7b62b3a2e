// The trace as explorer_data.py embeds it, and what the other parts ask of it.

const data = JSON.parse(document.getElementById('data').textContent);
const tokens = data.asked.tokens;

const blocks = data.blocks.map(([path, module], index) => ({ index, path, module, calls: [], children: [] }));
const blockByPath = new Map(blocks.map((block) => [block.path, block]));

const calls = data.calls.map(([block, name, parent, line], index) => {
  const call = { index, block: blocks[block], name, parent, line, values: [], made: [] };
  call.block.calls.push(call);
  return call;
});
for (const call of calls) {
  if (call.parent !== null) calls[call.parent].made.push(call);
}

const values = data.values.map(([call, variable, version, first, last, shape, array, axes, sentence, gradient], index) => {
  const value = { index, call: call === null ? null : calls[call], variable, version, first, last, shape, array: data.arrays[array], axes, sentence, gradient };
  if (value.call) value.call.values.push(value);
  return value;
});

// One step is one statement, with all that it wrote.
const steps = [];
for (const value of values) {
  if (!value.call) continue;
  const before = steps[steps.length - 1];
  if (before && before.call === value.call && before.first === value.first && !before.values.some((v) => v.variable === value.variable)) {
    before.values.push(value);
  } else {
    steps.push({ index: steps.length, call: value.call, first: value.first, values: [value] });
  }
  value.step = steps[steps.length - 1];
}

const isBackward = (call) => call.name.endsWith('backward');
const firstBackward = steps.findIndex((step) => isBackward(step.call));
const isGradient = (value) => value.gradient;
const nameOf = (value) => (value.call ? `${value.call.block.path}.${value.call.name}.${value.variable}${value.version}` : value.variable);
const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
const shapeText = (shape) => (shape.length ? shape.join('×') : 'one number');
const lengthOf = (value) => (value.array.rms ?? 0) * Math.sqrt(sizeOf(value.shape));

// The gradient that flows into a block's backward, and what its forward passes on: their lengths.
function flowOf(block, backward) {
  const call = block.calls.find((call) => isBackward(call) === backward);
  if (!call) return null;
  const [head] = data.modules[block.module].functions[call.name];
  const value = backward
    ? call.values.find((value) => value.first === head && value.gradient)
    : call.values.findLast((value) => value.array.rms !== undefined);
  return value && value.array.rms !== undefined ? lengthOf(value) : null;
}

// Cells of an array: {cells, rows, columns, tables, scale}; NaN stands for what is not finite.
function cellsOf(array) {
  if (array.shown) return array.shown;
  const [tables, R, C, r, c] = array.grid;
  const rows = Math.ceil(R / r);
  const columns = Math.ceil(C / c);
  let cells;
  let scale = array.scale;
  if (array.exact) {
    cells = Float64Array.from(array.exact, (x) => (x === null ? NaN : x));
    scale = cells.reduce((largest, x) => (Math.abs(x) > largest ? Math.abs(x) : largest), 0);
  } else {
    const text = atob(array.codes);
    cells = new Float64Array(text.length);
    for (let i = 0; i < text.length; i += 1) {
      const q = (text.charCodeAt(i) << 24) >> 24;
      cells[i] = q === -128 ? NaN : Math.sign(q) * (q / 127) ** 2 * scale;
    }
  }
  array.shown = { cells, tables, rows, columns, scale };
  return array.shown;
}

// How far a shown value may be from the array's: see quantize.py.
const errorOf = (array, value) => (array.exact ? 0 : Math.sqrt(Math.abs(value) * array.scale) / 127 + array.scale / 64516);

function numberText(x, digits = 4) {
  if (Number.isNaN(x) || x === null || x === undefined) return 'not finite';
  if (Number.isInteger(x) && Math.abs(x) < 1e7) return String(x).replace('-', '−');
  const size = Math.abs(x);
  const text = size >= 1e-3 && size < 1e5 ? x.toPrecision(digits) : x.toExponential(digits - 1);
  return text.replace(/-/g, '−');
}
const signedText = (x, digits) => (x > 0 ? '+' : '') + numberText(x, digits);

// A token may be of any script and direction: it is kept from turning its surroundings.
const tokenElement = (text) => make('bdi', { text });
