// The values of one variable: its heat map, what it is, how it is called in the trace's file.

const viewer = { box: document.getElementById('viewer'), heat: null, value: null };

function showValue(value) {
  viewer.value = value;
  const name = nameOf(value);
  viewer.heat = new Heatmap(`Values of ${name}`);
  const wholly = value.call ? `numpy_bert/${value.call.block.module.replace('.', '/')}.py, line ${value.first}` : 'the gradient that loss_and_gradients returns';
  viewer.box.replaceChildren(
    make('button', { type: 'button', class: 'plain fold', 'aria-label': 'Fold or unfold the values', text: '▾▴', on: { click: () => viewer.box.classList.toggle('folded') } }),
    make('h3', { class: isGradient(value) ? 'of gradient' : 'of' },
      make('code', { text: value.variable }), make('small', { text: value.version ? `, as line ${value.first} leaves it` : '' })),
    make('p', { class: 'meaning', text: meaningOf(value) }),
    viewer.heat.readout,
    legend(value.array),
    viewer.heat.frame,
    facts([
      ['shape', shapeText(value.shape)],
      ['from, to', value.array.low === undefined ? null : `${signedText(value.array.low)}, ${signedText(value.array.high)}`],
      ['root mean square', value.array.rms === undefined ? null : numberText(value.array.rms)],
      ['shown', precisionText(value.array)],
      ['written by', wholly],
      ['in the npz', make('code', { class: 'name', text: name })],
    ]),
  );
  viewer.heat.show(value, value.variable);
}

// What the array holds, and where it comes from.
function meaningOf(value) {
  const isArgument = value.call && value.first === data.modules[value.call.block.module].functions[value.call.name][0];
  return [value.sentence, isArgument ? 'An argument of the function.' : ''].filter(Boolean).join(' ');
}

function precisionText(array) {
  if (array.exact) return 'exact, to 7 digits';
  const [, , , r, c] = array.grid;
  const cells = r * c > 1 ? `a cell is the largest of ${r}×${c} elements, ` : '';
  return `${cells}8 bits a value: at most ±${numberText(errorOf(array, array.scale), 2)}, finer near 0`;
}

function facts(rows) {
  const list = make('dl', { class: 'facts' });
  for (const [name, text] of rows) {
    if (text !== null) list.append(make('dt', { text: name }), make('dd', {}, text));
  }
  return list;
}

// The colors with their numbers; the signs are written as well. An array without negative values, such as
// probabilities, has no negative half.
function legend(array) {
  const { scale } = cellsOf(array);
  const least = array.low >= 0 ? 0 : -1;
  const canvas = make('canvas', { width: 201, height: 1, class: 'ramp', 'aria-hidden': 'true' });
  const image = new ImageData(201, 1);
  for (let i = 0; i <= 200; i += 1) image.data.set([...colorAt(least + (1 - least) * (i / 200)), 255], 4 * i);
  canvas.getContext('2d').putImageData(image, 0, 0);
  const positive = scale ? [numberText(scale / 4, 2), numberText(scale, 3)] : ['', ''];
  const ends = least ? [...positive.map((text) => text && `− ${text}`).reverse(), '0', ...positive.map((text) => text && `+ ${text}`)] : ['0', ...positive];
  return make('div', { class: 'legend' }, canvas, make('div', { class: 'ends' }, ...ends.map((text) => make('span', { text }))));
}

themeWatchers.push(() => viewer.value && showValue(viewer.value));
