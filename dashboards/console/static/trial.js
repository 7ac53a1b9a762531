// What the server sends of a trial, and where its alarms lie in a chart. Pure.

/**
 * Return the whole events of a text, and what is left of it: the beginning of the next one.
 * @param {string} text
 * @returns {{ events: { kind: string, data: any }[], left: string }}
 */
export function eventsIn(text) {
  const parts = text.split("\n\n"), left = parts.pop() || "";
  return {
    events: parts.map((part) => {
      const [kind, data] = part.split("\n");
      return { kind: kind.slice("event: ".length), data: JSON.parse(data.slice("data: ".length)) };
    }),
    left,
  };
}

/**
 * Return where stretches of time lie in a view, as shares of its width; those outside are left out.
 * @param {[number, number | null, string][]} spans ms; null: it goes on
 * @param {[number, number]} view ms
 * @returns {{ from: number, to: number, severity: string }[]}
 */
export function placed(spans, [begin, end]) {
  return spans.filter(([from, to]) => from < end && (to === null || to > begin)).map(([from, to, severity]) => ({
    from: Math.max(from - begin, 0) / (end - begin), to: Math.min((to ?? end) - begin, end - begin) / (end - begin), severity,
  }));
}
