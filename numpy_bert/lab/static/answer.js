// The text, what is changed, and the answer before and after.

const state = {
  tokens: [], hidden: new Set(), heads: new Set(), attention: new Set(), feedForward: new Set(),
  gelu: null, eps: null, page: null,
};
const afterLook = []; // what the tabs do when there is a new answer
const asked = () => ({ question: question(), changes: changes() });
const measuredFor = (about, steps) => JSON.stringify([about, steps]); // what a measurement is about: a text and a model

function question() {
  return { text: at('text').value, pair: at('pair').value || null, task: at('task').value || null, target: at('target').value || null };
}

function changes() {
  return {
    heads: [...state.heads].map((key) => key.split('.').map(Number)), attention: [...state.attention], feed_forward: [...state.feedForward],
    gelu: state.gelu, layer_norm_eps: state.eps, hidden_tokens: [...state.hidden],
  };
}

const isChanged = () => state.heads.size + state.attention.size + state.feedForward.size + state.hidden.size > 0 || state.gelu !== null || state.eps !== null;

function changesInWords() {
  const off = [...state.heads].map((key) => key.split('.')).map(([layer, head]) => `head ${head} of layer ${layer}`);
  off.push(...[...state.attention].map((layer) => `attention of layer ${layer}`), ...[...state.feedForward].map((layer) => `feed-forward of layer ${layer}`));
  const hidden = [...state.hidden].map((i) => state.tokens[i]);
  return [
    off.length ? `off: ${off.join(', ')}` : '', hidden.length ? `hidden: ${hidden.join(', ')}` : '',
    state.gelu === null ? '' : `GELU in its ${state.gelu} form`, state.eps === null ? '' : `ε ${numberText(state.eps, 1)}`,
  ].filter(Boolean).join('; ');
}

function undoChanges() {
  for (const set of [state.heads, state.attention, state.feedForward, state.hidden]) set.clear();
  state.gelu = null;
  state.eps = null;
  if (at('parts').childElementCount) drawParts();
  at('main').focus(); // the button that was pressed is gone
  look();
}

// One question at a time; while it runs, the newest of those that come in waits.
let asking = false;
let again = false;
async function look() {
  if (!at('text').value.trim()) {
    at('status').textContent = 'Type a text.';
    return;
  }
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    try {
      const answer = await ask('look', { question: question(), changes: changes() });
      if (!again) show(answer);
    } catch (error) {
      at('status').textContent = error.message;
      at('status').classList.add('error');
    }
  } while (again);
  asking = false;
}

function show(answer) {
  state.tokens = answer.tokens;
  at('status').classList.remove('error');
  const steps = answer.steps ? ` The model has taken ${answer.steps} ${answer.steps === 1 ? 'step' : 'steps'}.` : '';
  at('status').textContent = `${answer.task}, ${answer.target}.${steps} Press a token to hide it from attention.`;
  const focused = [...at('tokens').children].indexOf(document.activeElement);
  at('tokens').replaceChildren(...answer.tokens.map((token, i) => make('button', {
    type: 'button', class: 'token', 'aria-pressed': state.hidden.has(i) ? 'true' : 'false', title: `token ${i}`,
    on: { click: () => { toggle(state.hidden, i); look(); } },
  }, make('bdi', { text: token }))));
  at('tokens').children[focused]?.focus();
  at('labels').replaceChildren(...[...new Set(answer.before.predictions.map((one) => one.answer))].map((value) => make('option', { value })));
  at('changed').replaceChildren(...(isChanged() ? [`Your changes: ${changesInWords()}. `, button('Undo all changes', undoChanges)] : []));
  at('comparison').replaceChildren(comparison(answer.before, answer.after, isChanged() ? 'with your changes' : null));
  const hash = at('frame').contentWindow?.location.hash ?? '';
  at('frame').src = `${answer.page}${hash}`;
  for (const act of afterLook) act(answer);
}

function toggle(set, key) {
  if (set.has(key)) set.delete(key);
  else set.add(key);
}

// Two columns of answers, each a bar as long as its probability; one column where nothing is changed.
function comparison(before, after, title, first = 'as it is') {
  const sides = title === null ? [[first, before]] : [[first, before], [title, after]];
  return make('div', { class: 'sides' }, ...sides.map(([name, side]) => make('div', { class: 'side' },
    make('h3', { text: name }),
    make('p', {}, 'loss ', make('strong', { text: numberText(side.loss, 4) }),
      side === after && title !== null ? make('span', { class: 'soft', text: `  ${signedText(after.loss - before.loss, 3)}` }) : null),
    make('ul', { class: 'bars' }, ...side.predictions.map((one) => make('li', { class: one.wanted ? 'wanted' : '' },
      make('span', { class: 'name' }, one.token === null ? null : make('span', { class: 'soft', text: `${state.tokens[one.token] ?? ''} ` }), make('bdi', { text: one.answer })),
      make('span', { class: 'share' }, bar(one.probability)),
      make('span', { class: 'number', text: one.probability === null ? '' : one.probability.toFixed(3) })))))));
}

function bar(share) {
  const inside = make('span', { class: 'fill' });
  inside.style.width = `${100 * (share ?? 0)}%`;
  return inside;
}
