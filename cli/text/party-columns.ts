// Hubs and clients of federations as a table, below that of the jobs.
import { type Party, partyPhase } from '../jobs/parties.ts';
import { ageOf } from '../terminal/age.ts';
import { type Column, none } from '../terminal/columns.ts';
import { type Paint, styleOf } from '../terminal/palette.ts';

interface PartyColumns {
  readonly namespaces: boolean;
  readonly now: Date;
  readonly paint: Paint;
}

export function partyColumns({ namespaces, now, paint }: PartyColumns): readonly Column<Party>[] {
  return [
    ...(namespaces
      ? [{ head: 'NAMESPACE', rank: 2, cell: ({ namespace }: Party) => namespace }]
      : []),
    {
      head: 'FEDERATION',
      rank: 0,
      cell: ({ kind, name }) => `${name}${kind === 'Federation' ? '' : ' (client)'}`,
    },
    {
      head: 'PHASE',
      rank: 1,
      cell: phaseWords,
      paint: (party, text) => paint(text, styleOf(partyPhase(party))),
    },
    { head: 'ROUND', rank: 3, right: true, cell: ({ status }) => status.progress ?? none },
    {
      head: 'CLIENTS',
      rank: 4,
      right: true,
      cell: ({ status }) => status.clients?.summary ?? none,
    },
    { head: 'LOSS', rank: 5, right: true, cell: ({ status }) => status.heldOutLoss ?? none },
    { head: 'EPSILON', rank: 7, right: true, cell: ({ status }) => status.epsilon ?? none },
    { head: 'AGE', rank: 6, right: true, cell: ({ createdAt }) => ageOf(createdAt, now) },
    { head: 'NOW', rank: 8, cell: ({ status }) => status.message ?? '' },
  ];
}

function phaseWords(party: Party): string {
  const phase = partyPhase(party);
  const words = [
    phase,
    ...(party.deleting ? ['deleting'] : []),
    ...(party.unread === undefined ? [] : ['unreadable']),
  ];
  return `${styleOf(phase).glyph} ${words.join(', ')}`;
}
