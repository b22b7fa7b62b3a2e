// Blue for what is below zero, orange for what is above: a pair that the color-blind can tell apart. In the dark theme
// what is far from zero is bright, in the light theme it is dark.

const STOPS = {
  light: { zero: [250, 249, 246], above: [[246, 176, 98], [184, 76, 6]], below: [[134, 184, 226], [20, 78, 150]] },
  dark: { zero: [27, 30, 37], above: [[166, 92, 30], [255, 186, 112]], below: [[38, 96, 166], [146, 202, 255]] },
};
const MISSING = [200, 30, 160];

const darkPreferred = matchMedia('(prefers-color-scheme: dark)');
const theme = () => document.documentElement.dataset.theme ?? (darkPreferred.matches ? 'dark' : 'light');

function mix(a, b, share) {
  return a.map((x, i) => Math.round(x + (b[i] - x) * share));
}

// share from -1 to 1, already drawn out near zero -> [red, green, blue]
function colorAt(share, of = STOPS[theme()]) {
  if (Number.isNaN(share)) return MISSING;
  const size = Math.min(1, Math.abs(share));
  const [half, full] = share < 0 ? of.below : of.above;
  return size < 0.5 ? mix(of.zero, half, 2 * size) : mix(half, full, 2 * size - 1);
}
const css = (rgb) => `rgb(${rgb.join(',')})`;
const inkOn = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#16181d' : '#ffffff');
// The root of the size keeps small values apart, as in quantize.py.
const shareOf = (x, scale) => (scale ? Math.sign(x) * Math.sqrt(Math.abs(x) / scale) : 0);

function tint(element, share) {
  const rgb = colorAt(share);
  element.style.backgroundColor = css(rgb);
  element.style.color = inkOn(rgb);
}

const themeWatchers = [];
function themeChanged() {
  for (const watch of themeWatchers) watch();
}
