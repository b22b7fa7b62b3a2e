// Tabs, theme, and the beginning.

const VIEWS = { explorer: null, parts: drawParts, patching: drawPatching, row: drawRow, step: drawStep, broken: drawBroken };

function showView(name) {
  for (const view of Object.keys(VIEWS)) {
    const chosen = view === name;
    at(view).hidden = !chosen;
    at(`tab-${view}`).setAttribute('aria-selected', String(chosen));
    at(`tab-${view}`).setAttribute('tabindex', chosen ? '0' : '-1');
  }
  if (VIEWS[name] && (name === 'row' || !at(name).childElementCount)) VIEWS[name]();
}

for (const view of Object.keys(VIEWS)) {
  const tab = at(`tab-${view}`);
  tab.addEventListener('click', () => showView(view));
  tab.addEventListener('keydown', (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const names = Object.keys(VIEWS);
    const next = names[(names.indexOf(view) + by + names.length) % names.length];
    showView(next);
    at(`tab-${next}`).focus();
  });
}

let waiting;
for (const id of ['text', 'pair', 'target']) {
  at(id).addEventListener('input', () => {
    if (id !== 'target') state.hidden.clear(); // another text: nobody is hidden from it
    clearTimeout(waiting);
    waiting = setTimeout(look, 120);
  });
}
at('task').addEventListener('change', look);
at('question').addEventListener('submit', (event) => {
  event.preventDefault();
  look();
});
afterLook.push(() => { if (!at('row').hidden) drawRow(); });

at('theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = theme() === 'dark' ? 'light' : 'dark';
  const inside = at('frame').contentDocument;
  if (inside) inside.documentElement.dataset.theme = theme();
  if (at('parts').childElementCount) drawParts();
});

at('model').textContent = facts.model;
at('text').value = facts.text;
at('task').append(make('option', { value: '', text: 'the first that fits' }), ...facts.tasks.map((task) => make('option', { value: task, text: task })));
showView('explorer');
look();
