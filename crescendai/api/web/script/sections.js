// Sections of a recording: which one a moment belongs to, and how much a dimension changes over them.

/** The section in whose middle a moment lies nearest, as the service weighs them. */
export function sectionAt(sections, seconds) {
  const middle = (of) => (of.start_s + of.end_s) / 2;
  return sections.reduce((best, of) => (Math.abs(middle(of) - seconds) < Math.abs(middle(best) - seconds) ? of : best));
}

/** [from, to] of each section: up to halfway to its neighbours' middles, so that each moment is one section's. */
export function territories(sections, durationS) {
  const middles = sections.map((of) => (of.start_s + of.end_s) / 2);
  const borders = middles.slice(1).map((middle, k) => (middle + middles[k]) / 2);
  return sections.map((_, k) => [k === 0 ? 0 : borders[k - 1], k === borders.length ? durationS : borders[k]]);
}

/** Names of the dimensions that change most from section to section, in the result's order. */
export function changingMost({ dimensions, sections }, count) {
  const spread = ({ name }) => {
    const values = sections.filter((of) => of.ratings).map((of) => of.ratings[name]);
    return Math.max(...values) - Math.min(...values);
  };
  const ranked = [...dimensions].sort((a, b) => spread(b) - spread(a)).slice(0, count);
  return dimensions.filter((of) => ranked.includes(of)).map((of) => of.name);
}
