// Hidden states of another text in the place of this one's.

const patching = { source: facts.source };

function drawPatching() {
  const source = make('input', { id: 'source', maxlength: '2000', spellcheck: 'false', on: { input: () => { patching.source = source.value; } } });
  source.value = patching.source;
  const form = make('form', { class: 'controls', on: { submit: (event) => { event.preventDefault(); measurePatching(); } } },
    make('label', { class: 'wide' }, 'Source ', source), make('button', { class: 'plain', text: 'Patch' }));
  at('patching').replaceChildren(
    make('p', { class: 'lead', text: 'Each cell: one hidden state of the text is replaced by that of the source, at this layer and this token, and the rest of the model runs on. The number is the change of the loss. Row 0 are the embeddings, the last row is the output of the encoder. The source needs as many tokens as the text. Your changes hold for both texts.' }),
    form, make('div', { id: 'patched' }));
}

function measurePatching() {
  trying(at('patched'), async () => {
    const about = asked();
    const result = await ask('patch', { ...about, source: patching.source });
    const columns = result.tokens.map((token, t) => (token === result.source_tokens[t] ? token : `${token} ← ${result.source_tokens[t]}`));
    const rows = result.effects.map((values, l) => ({ name: l === 0 ? 'embeddings' : `after layer ${l - 1}`, values }));
    const caption = `${result.target}: loss ${numberText(result.loss)}; of the source ${numberText(result.source_loss)}. Above 0: the patch speaks against the answer.`;
    patching.key = measuredFor(about, result.steps);
    at('patched').replaceChildren(heatTable(caption, columns, rows));
  });
}
afterLook.push((answer) => {
  if (at('patched') && patching.key !== measuredFor(asked(), answer.steps)) at('patched').replaceChildren();
});
