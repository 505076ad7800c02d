// Adapters of a server as a table: whether each is served, and what was asked of it.
import type { ServedAdapterStatus } from '../../crds/api/adapter-server.ts';
import { type Column, none } from '../terminal/columns.ts';
import { count } from '../terminal/numbers.ts';
import { type Paint, type Style, styleOf } from '../terminal/palette.ts';

const styles: Readonly<Record<ServedAdapterStatus['state'], Style>> = {
  Loaded: styleOf('Running'),
  Loading: styleOf('Starting'),
  Refused: styleOf('Failed'),
};

export function servedColumns(paint: Paint): readonly Column<ServedAdapterStatus>[] {
  return [
    { head: 'ADAPTER', rank: 0, cell: ({ name }) => name },
    {
      head: 'STATE',
      rank: 1,
      cell: ({ state }) => `${styles[state].glyph} ${state}`,
      paint: ({ state }, text) => paint(text, styles[state]),
    },
    { head: 'OPEN', rank: 2, right: true, cell: ({ load }) => number(load?.open) },
    { head: 'ANSWERS', rank: 3, right: true, cell: ({ load }) => number(load?.answers) },
    { head: 'TOKENS', rank: 4, right: true, cell: ({ load }) => number(load?.tokens) },
    { head: 'WHY', rank: 5, cell: ({ message }) => message ?? '' },
  ];
}

function number(value: number | undefined): string {
  return value === undefined ? none : count(value);
}
