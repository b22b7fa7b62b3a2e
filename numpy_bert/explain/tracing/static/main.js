// Tabs, theme, the text above all, and where the address bar says to begin.

const VIEWS = ['walk', 'attention', 'flow', 'predictions', 'about'];
const drawn = new Set();
const DRAW = { attention: drawAttention, flow: drawFlow, predictions: drawPredictions, about: drawAbout };

function remember(place) {
  history.replaceState(null, '', `#/${place}`); // the slash keeps it from being taken for the name of an element
}

function showView(name) {
  for (const view of VIEWS) {
    const chosen = view === name;
    document.getElementById(view).hidden = !chosen;
    const tab = document.getElementById(`tab-${view}`);
    tab.setAttribute('aria-selected', String(chosen));
    tab.setAttribute('tabindex', chosen ? '0' : '-1');
  }
  if (DRAW[name] && !drawn.has(name)) {
    drawn.add(name);
    DRAW[name]();
  }
  if (name === 'walk') remember(`walk/${walk.at}`);
  else if (name === 'attention') remember(`attention/${looked.layer}/${looked.head}`);
  else remember(name);
}

for (const view of VIEWS) {
  const tab = document.getElementById(`tab-${view}`);
  tab.addEventListener('click', () => showView(view));
  tab.addEventListener('keydown', (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = VIEWS[(VIEWS.indexOf(view) + by + VIEWS.length) % VIEWS.length];
    showView(next);
    document.getElementById(`tab-${next}`).focus();
  });
}

function drawText() {
  const last = data.flow.tokens.map((row) => row[0]);
  const largest = Math.max(...last.filter(Number.isFinite)) || 1;
  document.getElementById('tokens').replaceChildren(...tokens.map((token, i) => {
    const box = make('span', { class: 'token', role: 'listitem', title: `token ${i}, id ${data.asked.ids[i]}, gradient norm ${numberText(last[i], 3)}` }, tokenElement(token));
    const share = (last[i] ?? 0) / largest;
    const bar = make('span', { class: 'under', 'aria-hidden': 'true' });
    bar.style.width = `${Math.round(100 * share)}%`;
    box.append(bar);
    return box;
  }));
  const { task, target, loss } = data.asked;
  document.getElementById('summary').replaceChildren(
    make('bdi', { text: target }), ' · ', make('code', { text: task }), ' · ', make('strong', { text: `loss ${numberText(loss, 5)}` }),
    ` · ${steps.length} steps, ${values.length} values`, make('span', { class: 'soft', text: ' · Bar under a token: norm of the loss gradient with respect to its embedding' }));
}

document.getElementById('theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = theme() === 'dark' ? 'light' : 'dark';
  redraw();
});
darkPreferred.addEventListener('change', () => { if (!document.documentElement.dataset.theme) redraw(); });

function redraw() {
  themeChanged();
  const open = VIEWS.find((view) => !document.getElementById(view).hidden);
  drawn.clear();
  if (DRAW[open]) {
    drawn.add(open);
    DRAW[open]();
  }
}

let waiting;
addEventListener('resize', () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (viewer.heat) viewer.heat.draw();
    if (looked.heat) looked.heat.draw();
  }, 150);
});

function start() {
  for (const block of blocks) {
    const parent = blockByPath.get(block.path.split('.').slice(0, -1).join('.'));
    if (parent) parent.children.push(block);
  }
  const [view, first, second] = location.hash.slice(2).split('/');
  drawText();
  drawTransport();
  const step = Number.parseInt(first, 10);
  if (view === 'attention' && Number.isInteger(step)) {
    looked.layer = step;
    looked.head = Number.parseInt(second, 10) || 0;
  }
  drawMap();
  goToStep(view === 'walk' && Number.isInteger(step) ? step : beginning(), undefined, false);
  showView(VIEWS.includes(view) ? view : 'walk');
}

// Where a first visit begins: at the attention of the first layer, the heart of it.
function beginning() {
  const first = steps.find((step) => step.call.block.path === 'bert.encoder.layers.0.attention.attention' && step.values.some((value) => value.variable === 'P'));
  return first ? first.index : 0;
}

start();
