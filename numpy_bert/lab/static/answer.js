// The text, what is changed, and the answer before and after.

const state = {
  tokens: [], hidden: new Set(), heads: new Set(), attention: new Set(), feedForward: new Set(),
  gelu: null, eps: null, page: null,
};
const afterLook = []; // what the tabs do when there is a new answer
const measuredFor = (steps) => JSON.stringify([question(), steps]); // what a measurement is about: a text and a model

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

// One question at a time; while it runs, the newest of those that come in waits.
let asking = false;
let again = false;
async function look() {
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
  at('tokens').replaceChildren(...answer.tokens.map((token, i) => make('button', {
    type: 'button', class: 'token', 'aria-pressed': state.hidden.has(i) ? 'true' : 'false', title: `token ${i}`,
    on: { click: () => { toggle(state.hidden, i); look(); } },
  }, make('bdi', { text: token }))));
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
