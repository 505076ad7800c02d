import test from 'ava';
import type { Party } from '../../../cli/jobs/parties.ts';
import { columnsOf } from '../../../cli/terminal/columns.ts';
import { partyColumns } from '../../../cli/text/party-columns.ts';

const now = new Date('2026-01-01T01:00:00Z');
const of = {
  ...{ namespace: 'team', uid: 'u', createdAt: '2026-01-01T00:00:00Z', generation: 1 },
  ...{ labels: {}, deleting: false },
};

test('a hub and a client in a table', (t) => {
  const clients = { summary: '2/3', used: ['north', 'south'], refused: [] };
  const parties: readonly Party[] = [
    {
      ...{ kind: 'Federation', name: 'clinics', ...of },
      status: {
        ...({ phase: 'Running', progress: '1/3', heldOutLoss: '2.0474', clients } as const),
        message: 'hub aggregate',
      },
    },
    { kind: 'FederationPeer', name: 'north', ...of, status: {} },
  ];
  const paint = (text: string) => text;
  const lines = columnsOf(parties, partyColumns({ namespaces: false, now, paint }), 200);
  t.deepEqual(lines, [
    'FEDERATION      PHASE      ROUND  CLIENTS    LOSS  EPSILON  AGE  NOW',
    'clinics         ● Running    1/3      2/3  2.0474        –  60m  hub aggregate',
    'north (client)  ○ Pending      –        –       –        –  60m',
  ]);
  const [head] = columnsOf(parties, partyColumns({ namespaces: true, now, paint }), 200);
  t.regex(head ?? '', /^NAMESPACE/);
});
