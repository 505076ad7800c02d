// Clients of the last round of a federation as a table.
import type { Party } from '../jobs/parties.ts';
import type { Column } from '../terminal/columns.ts';
import { type Paint, styleOf } from '../terminal/palette.ts';

interface RoundClient {
  readonly name: string;
  /** Why the round went on without it. */
  readonly refused?: string;
}

/** Those that were left out last. */
export function roundClients({ status: { clients } }: Pick<Party, 'status'>) {
  const { used = [], refused = [] } = clients ?? {};
  return [
    ...used.map((name): RoundClient => ({ name })),
    ...refused.map(({ name, reason }): RoundClient => ({ name, refused: reason })),
  ];
}

export function clientColumns(paint: Paint): readonly Column<RoundClient>[] {
  const style = ({ refused }: RoundClient) =>
    styleOf(refused === undefined ? 'Succeeded' : 'Failed');
  return [
    { head: 'CLIENT', rank: 0, cell: ({ name }) => name },
    {
      head: 'ITS PART',
      rank: 1,
      cell: (one) => `${style(one).glyph} ${one.refused === undefined ? 'used' : 'left out'}`,
      paint: (one, text) => paint(text, style(one)),
    },
    { head: 'WHY', rank: 2, cell: ({ refused }) => refused ?? '' },
  ];
}
