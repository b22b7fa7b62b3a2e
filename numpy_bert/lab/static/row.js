// One row of a head's probabilities, edited.

const row = { layer: 0, head: 0, token: 0, probabilities: null, weights: [] };

function drawRow() {
  if (row.token >= state.tokens.length) row.token = 0; // the text is shorter now
  const layer = select('Layer', facts.layers, (i) => { row.layer = i; fetchRow(); });
  const head = select('Head', facts.heads, (i) => { row.head = i; useRow(); });
  const token = select('Token', state.tokens.length, (i) => { row.token = i; useRow(); }, (i) => `${i} ${state.tokens[i]}`);
  layer.box.value = row.layer;
  head.box.value = row.head;
  token.box.value = row.token;
  at('row').replaceChildren(
    make('p', { class: 'lead', text: 'How much the chosen token receives of the value of each token, in one head. Drag a weight: the rest of the model runs on from the edited row. Your changes stay in force.' }),
    make('div', { class: 'controls' }, layer.label, head.label, token.label,
      button('Uniform', () => setRow(state.tokens.map(() => 1 / state.tokens.length))), button('Silent', () => setRow(state.tokens.map(() => 0))),
      button('Half', () => setRow(row.weights.map((weight) => weight / 2))), button('Double', () => setRow(row.weights.map((weight) => 2 * weight))),
      button('As computed', () => useRow())),
    make('div', { id: 'weights', class: 'weights' }), make('div', { id: 'row-answer' }));
  fetchRow();
}

function fetchRow() {
  trying(at('row-answer'), async () => {
    row.probabilities = (await ask('attention', { ...asked(), layer: row.layer })).probabilities;
    useRow();
  });
}

function useRow() {
  if (row.probabilities) setRow(row.probabilities[row.head][row.token].slice());
}

function setRow(weights) {
  row.weights = weights;
  const max = String(Math.max(1, ...weights));
  at('weights').replaceChildren(...weights.map((weight, t) => {
    const value = make('output', { text: numberText(weight, 3) });
    const slider = make('input', { type: 'range', min: '0', max, step: 'any', on: { input: () => {
      row.weights[t] = Number(slider.value);
      value.textContent = numberText(row.weights[t], 3);
      askRow();
    } } });
    slider.value = weight;
    return make('label', { class: 'weight' }, make('bdi', { text: state.tokens[t] }), slider, value);
  }));
  askRow();
}

let rowAsking = false;
let rowAgain = false;
async function askRow() {
  if (rowAsking) { rowAgain = true; return; }
  rowAsking = true;
  do {
    rowAgain = false;
    await trying(at('row-answer'), async () => {
      const result = await ask('row', { ...asked(), layer: row.layer, head: row.head, token: row.token, row: row.weights });
      at('row-answer').replaceChildren(comparison(result.before, result.after, 'with the edited row', isChanged() ? 'with your changes' : undefined));
    });
  } while (rowAgain);
  rowAsking = false;
}
