// Heads and sublayers on and off, the form of GELU, epsilon; the effect of each part on its own.

const parts = { effects: null, changed: false, changes: null, key: null };
const changesText = () => JSON.stringify(changes());

function drawParts() {
  const columns = [...Array.from({ length: facts.heads }, (_, a) => `head ${a}`), 'attention', 'feed-forward'];
  const effects = parts.effects;
  const rows = Array.from({ length: facts.layers }, (_, l) => ({
    name: `layer ${l}`,
    values: [...Array.from({ length: facts.heads }, (_, a) => effects?.heads[l][a] ?? 0), effects?.attention[l] ?? 0, effects?.feed_forward[l] ?? 0],
    pressed: [...Array.from({ length: facts.heads }, (_, a) => state.heads.has(`${l}.${a}`)), state.attention.has(l), state.feedForward.has(l)],
  }));
  const press = (l, j) => {
    if (j < facts.heads) toggle(state.heads, `${l}.${j}`);
    else toggle(j === facts.heads ? state.attention : state.feedForward, l);
    const focused = [l, j];
    drawParts();
    at('parts').querySelectorAll('tbody tr')[focused[0]].querySelectorAll('button')[focused[1]].focus();
    look();
  };
  const caption = effects
    ? `Change of the loss when one part is turned off, alone${parts.changed ? ' and besides your changes' : ''} (${effects.target}, loss ${numberText(effects.loss)}). Above 0: the part supports the answer.`
    : 'Press a part to turn it off. The numbers are the effect of each part on its own, once you measure them.';
  const forms = select('GELU', 2, (i) => { state.gelu = ['erf', 'tanh'][i] === facts.gelu ? null : ['erf', 'tanh'][i]; look(); }, (i) => `${['erf', 'tanh'][i]} form`);
  forms.box.value = ['erf', 'tanh'].indexOf(state.gelu ?? facts.gelu);
  const exponents = [-12, -9, -6, -5, -4, -3, -2, -1, 0];
  const eps = select('ε of the norms', exponents.length + 1, (i) => { state.eps = i ? 10 ** exponents[i - 1] : null; look(); }, (i) => (i ? `10^${exponents[i - 1]}`.replace('-', '−') : `${facts.layer_norm_eps}`));
  eps.box.value = state.eps === null ? 0 : exponents.indexOf(Math.round(Math.log10(state.eps))) + 1;
  at('parts').replaceChildren(
    make('p', { class: 'lead', text: 'A head that is off adds nothing to the output of its layer; a sublayer that is off leaves only the residual connection and the norm behind it. Measured is the model with the changes that you have made.' }),
    make('div', { class: 'controls' }, button('Measure every part', measureParts), button('Undo all changes', undoChanges), forms.label, eps.label),
    make('p', { id: 'parts-stale', class: 'soft', hidden: !isStale(), text: 'These effects were measured before your last change.' }),
    heatTable(caption, columns, rows, press));
}

const isStale = () => parts.effects !== null && parts.changes !== changesText();

function measureParts() {
  trying(at('parts'), async () => {
    const about = asked();
    const changed = isChanged();
    const result = await ask('effects', about);
    Object.assign(parts, { effects: result, changed, changes: JSON.stringify(about.changes), key: measuredFor(about.question, result.steps) });
    drawParts();
  });
}
afterLook.push((answer) => {
  if (parts.effects && parts.key !== measuredFor(question(), answer.steps)) { // measured for another text or another model
    parts.effects = null;
    drawParts();
  }
  if (at('parts-stale')) at('parts-stale').hidden = !isStale();
});
