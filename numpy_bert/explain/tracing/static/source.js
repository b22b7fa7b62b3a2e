// A block as its file has it: the equation, forward above backward, and below each line what it wrote.

const KEYWORDS = /^(?:def|return|if|else|elif|for|in|not|is|None|True|False|and|or|assert|lambda|with|as|while|from|import)$/;
const LEXEME = /("""[\s\S]*?"""|"[^"\n]*"|'[^'\n]*'|#.*$|\b[A-Za-z_]\w*\b|\b\d[\w.]*\b)/gm;

// A line of Python, its comments, texts and words marked for the style sheet.
function highlighted(line) {
  const parts = [];
  let done = 0;
  for (const match of line.matchAll(LEXEME)) {
    const [text] = match;
    const kind = text[0] === '#' ? 'comment' : /^["']/.test(text) ? 'string' : KEYWORDS.test(text) ? 'keyword' : /^\d/.test(text) ? 'digit' : null;
    if (!kind) continue;
    parts.push(line.slice(done, match.index), make('span', { class: kind, text }));
    done = match.index + text.length;
  }
  parts.push(line.slice(done));
  return parts.filter((part) => part !== '');
}

// An equation as docstrings write it: x_i and h_{l-1} get their subscripts, single letters are slanted.
function mathematics(text) {
  const box = make('div', { class: 'equation', role: 'math', 'aria-label': text });
  const pattern = /_(\{[^}]*\}|\[[^\]]*\]|[A-Za-z0-9]+)|([A-Za-zα-ωΑ-Ω]+[\u0302]?)/gu;
  let done = 0;
  for (const match of text.matchAll(pattern)) {
    box.append(text.slice(done, match.index));
    done = match.index + match[0].length;
    const [whole, below, word] = match;
    const alone = word && [...word.normalize('NFC')].length <= 2 && /^\p{L}\u0302?$/u.test(word) && !/ a $/.test(text.slice(match.index - 1, done + 1));
    if (below) box.append(make('sub', { text: below.replace(/^\{|\}$/g, '') }));
    else box.append(alone ? make('i', { text: whole }) : whole);
  }
  box.append(text.slice(done));
  return box;
}

const ROOMS = { forward: 'Forward', backward: 'Backward', loss: 'Loss, forward', loss_backward: 'Loss, backward' };

const source = { box: document.getElementById('block'), block: null, lines: new Map(), chips: new Map() };

function showBlock(block) {
  if (source.block === block) return;
  source.block = block;
  source.lines.clear();
  source.chips.clear();
  const module = data.modules[block.module];
  const names = ['loss', 'forward', 'backward', 'loss_backward'].filter((name) => block.calls.some((call) => call.name === name));
  source.box.replaceChildren(
    make('nav', { class: 'crumbs', 'aria-label': 'Where this block stands' }, ...crumbs(block)),
    make('h2', {}, titleOf(block), ' ', make('small', { text: module.file })),
    mathematics(module.equation),
    make('details', { class: 'about' }, make('summary', { text: 'What it is' }), make('p', { text: module.about })),
    ...names.map((name) => listing(block, name, module)),
    ...parametersOf(block),
  );
}

const titleOf = (block) => {
  const name = block.path.split('.').pop();
  return /^\d+$/.test(name) ? `layer ${name}` : name.replace(/_/g, ' ');
};

function crumbs(block) {
  const parts = block.path.split('.');
  const links = [];
  for (let i = 1; i <= parts.length; i += 1) {
    const part = blockByPath.get(parts.slice(0, i).join('.'));
    if (!part) continue;
    if (links.length) links.push(make('span', { 'aria-hidden': 'true', text: ' › ' }));
    links.push(make('button', { type: 'button', class: 'link', text: titleOf(part), disabled: part === block, on: { click: () => openBlock(part) } }));
  }
  return links;
}

function listing(block, name, module) {
  const [first, last] = module.functions[name];
  const made = block.calls.filter((call) => call.name === name);
  const code = make('div', { class: 'code' });
  let docstring = false;
  for (let number = first; number <= last; number += 1) {
    const text = module.lines[number - 1];
    const quotes = (text.match(/"""/g) ?? []).length;
    const inside = docstring || quotes > 0;
    if (quotes === 1) docstring = !docstring;
    const written = made.flatMap((call) => call.values.filter((value) => value.first === number));
    const entered = made.flatMap((call) => call.made.filter((other) => other.line === number));
    code.append(lineOf(number, text, inside, written, entered));
  }
  const role = name.endsWith('backward') ? 'listing back' : 'listing';
  return make('section', { class: role, 'aria-label': ROOMS[name] }, make('h3', { text: ROOMS[name] }), code);
}

function lineOf(number, text, inside, written, entered) {
  const words = make('code', { class: inside ? 'string' : '' }, ...(inside ? [text] : highlighted(text)));
  const head = [make('span', { class: 'number', 'aria-hidden': 'true', text: number }), words];
  const line = make('div', { class: 'line' });
  if (written.length) {
    const act = () => goTo(written[written.length - 1]);
    line.append(make('button', { type: 'button', class: 'words', 'aria-label': `line ${number}: ${text.trim()}`, on: { click: act } }, ...head));
    source.lines.set(number, line);
  } else {
    line.append(make('span', { class: 'words' }, ...head));
  }
  if (written.length + entered.length) {
    line.append(make('div', { class: 'chips' }, ...entered.map(doorTo), ...written.map(chipOf)));
  }
  return line;
}

function doorTo(call) {
  return make('button', {
    type: 'button', class: 'door', text: `↳ ${titleOf(call.block)}`, 'aria-label': `open ${call.block.path}, ${call.name}`,
    on: { click: () => enterCall(call) },
  });
}

function chipOf(value) {
  const chip = make('button', {
    type: 'button', class: isGradient(value) ? 'chip gradient' : 'chip', 'aria-pressed': 'false',
    'aria-label': `show ${value.variable}${value.version}, ${shapeText(value.shape)}`,
    on: { click: () => goTo(value) },
  }, thumbnail(value.array, 64, 14), make('span', { text: value.call ? value.variable : value.variable.split('.').pop() }), make('small', { text: `${shapeText(value.shape)}` }));
  source.chips.set(value, chip);
  return chip;
}

// The gradients with respect to the parameters of this block.
function parametersOf(block) {
  const mine = values.filter((value) => !value.call && value.variable.slice('gradients.'.length).split('.').slice(0, -1).join('.') === block.path);
  if (!mine.length) return [];
  return [make('section', { class: 'listing back' }, make('h3', { text: 'Gradients of its parameters' }), make('div', { class: 'chips apart' }, ...mine.map(chipOf)))];
}

// Marks the line and the values of a step.
function markStep(step, value) {
  for (const line of source.box.querySelectorAll('.line.now')) line.classList.remove('now');
  for (const chip of source.chips.values()) chip.setAttribute('aria-pressed', 'false');
  source.chips.get(value)?.setAttribute('aria-pressed', 'true');
  if (!step) return;
  const line = source.lines.get(step.first);
  line?.classList.add('now');
}

themeWatchers.push(() => {
  const { block } = source;
  source.block = null;
  if (block) showBlock(block);
  if (viewer.value) markStep(viewer.value.step, viewer.value);
});
