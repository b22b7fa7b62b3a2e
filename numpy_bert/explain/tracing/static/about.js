// What the head predicts, and what this page is.

function drawPredictions() {
  const box = document.getElementById('predictions');
  const { predictions, task, target, loss } = data.asked;
  const groups = new Map();
  for (const one of predictions) groups.set(one.place, [...(groups.get(one.place) ?? []), one]);
  const tables = [...groups].flatMap(([place, rows]) => [
    make('h3', {}, place === null ? 'The whole text' : make('span', {}, `Token ${place}, `, tokenElement(tokens[place]))),
    bars(rows.map((one) => [tokenElement(one.answer), one.probability ?? Number(one.answer), one.wanted ? '◂ what the loss asks for' : ''])),
  ]);
  box.replaceChildren(
    make('h2', { text: 'Predictions' }),
    make('p', { class: 'lead' }, 'Asked of the head ', make('code', { text: task }), ': ', make('bdi', { text: target }), `. The loss is ${numberText(loss, 6)}.`),
    ...(tables.length ? tables : [make('p', { text: 'This model has no head. What is traced instead is the mean square of its sentence vector; the backward is that of this number.' })]),
  );
}

function drawAbout() {
  const { model, cells, asked } = data;
  const reduced = data.arrays.filter((array) => !array.exact && array.grid[3] * array.grid[4] > 1).length;
  document.getElementById('about').replaceChildren(
    make('h2', { text: 'What this is' }),
    make('p', { class: 'lead', text: 'Every line that a BERT ran for one text, once forward to a loss and once backward to its gradients, with the arrays that each line wrote. The code on the page is the code that ran, and the arrays were copied while it ran.' }),
    make('h2', { text: 'How exact the values are' }),
    make('p', { text: 'The values shown are quantized to 8 bits, 255 levels between minus and plus the largest of each array, closer together near zero; the error is at most 0.8 % of the largest and shown behind each value. Arrays of at most 64 elements are exact. ' + `Of ${reduced} of the ${data.arrays.length} arrays a cell stands for several elements and shows the one of largest magnitude, so that no array takes more than ${cells} cells (probabilities of attention and their gradients take more, and are whole for texts that are not long). The exact values are in the npz that numpy-bert trace --data writes.` }),
    make('h2', { text: 'Keys' }),
    facts([
      ['N, P', 'next and previous line; with Shift, next and previous block'],
      ['arrow keys', 'move on the map, over the heads, and from cell to cell of a heat map; Page Up and Down change its table'],
      ['Enter', 'opens the block or the head; Tab goes on to the next part of the page'],
    ]),
    make('h2', { text: 'Colors' }),
    make('p', { text: 'Orange is above zero and blue below; the intensity is the root of the size, so that small values can be told apart. The sign stands before every number as well.' }),
    make('h2', { text: 'The model' }),
    facts([
      ['folder', model.name || 'none'], ['parameters', `${model.parameters.toLocaleString('en')}, ${model.dtype}`], ['sha256', make('code', { class: 'name', text: model.sha256 })],
      ['heads', model.heads.join(', ') || 'none'], ['computed with', Object.entries(model.versions).map(([name, version]) => `${name} ${version}`).join(', ')],
      ['tokens', `${asked.tokens.length}: ids ${asked.ids.join(' ')}`],
    ]),
    make('details', {}, make('summary', { text: 'config.json' }), make('pre', { text: model.config })),
  );
}
