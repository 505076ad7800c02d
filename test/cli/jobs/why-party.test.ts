import test from 'ava';
import { besideWhyText } from '../../../cli/commands/why/text.ts';
import type { Party } from '../../../cli/jobs/parties.ts';
import { whyBesideJobs } from '../../../cli/jobs/why-beside-jobs.ts';
import type { PartyStatus } from '../../../crds/api/federation-party.ts';

const lastTransitionTime = '2026-01-01T00:00:00Z';

function aParty(status: PartyStatus = {}, changes: Partial<Party> = {}): Party {
  return {
    ...{ kind: 'FederationPeer', namespace: 'team', name: 'north', createdAt: '' },
    ...{ uid: 'u', labels: {}, deleting: false, generation: 2 },
    status: { observedGeneration: 2, phase: 'Running', ...status },
    ...changes,
  };
}

function conditions(...rows: readonly (readonly [string, 'True' | 'False', string, string])[]) {
  return rows.map(([type, status, reason, message]) => ({
    ...{ type, status, reason, message, lastTransitionTime },
  }));
}

test('one that no operator looked at says which feature runs it', (t) => {
  const why = whyBesideJobs(aParty({ observedGeneration: 1 }));
  t.regex(why.happened, /^No operator has looked at it/);
  t.regex(why.change, /features\.federations/);
});

test('a spec that cannot be run is told before anything else', (t) => {
  const message = 'spec.train is local; a pod of a federation reaches the bus';
  const rows = conditions(
    ['Accepted', 'False', 'InvalidSpec', message],
    ['Complete', 'False', 'InvalidSpec', message],
  );
  t.deepEqual(whyBesideJobs(aParty({ conditions: rows })), {
    happened: `${message}.`,
    doing: 'The operator waits for a change of it.',
    change: 'Change the FederationPeer; kubectl edit does.',
  });
});

test('a base with another digest, and a hub below its quorum, are failures with a way on', (t) => {
  const failure = {
    ...{ code: 'E_DIGEST_MISMATCH', message: 'its base a has the digest b' },
    hint: 'take the same files as the hub',
  };
  const why = whyBesideJobs(aParty({ phase: 'Failed', failure }));
  t.like(why, { code: failure.code, happened: 'Its base a has the digest b.' });
  t.regex(
    why.change,
    /^Take the same files as the hub; then delete its Job: kubectl delete job north-client -n team; /,
  );
  const few = { code: 'E_UNREACHABLE', message: 'round 2 has 1 of 3 clients, and needs 2' };
  const hub = aParty({ phase: 'Failed', failure: few }, { kind: 'Federation', name: 'clinics' });
  t.regex(whyBesideJobs(hub).change, /kubectl delete job clinics-hub/);
});

for (const [row, change] of [
  [['Connected', 'False', 'BusNotReachable', 'no server answers at tls://a'], /spec\.bus\.url/],
  [['Complete', 'False', 'SecretNotFound', 'Secret a is not there'], /kubectl create secret/],
  [['Complete', 'False', 'SecretKeyNotFound', 'Secret a has nothing'], /keySecretRef\.key/],
  [['Complete', 'False', 'Unschedulable', 'claim "a" not found'], /claims that it names/],
  [['TakesPart', 'False', 'PrivacySpent', 'its maxEpsilon is 8'], /spec\.privacy\.maxEpsilon/],
] as const) {
  test(`what can be done about ${row[2]}`, (t) => {
    const other = ['Complete', 'False', 'Running', 'north step 1'] as const;
    const rows = row[0] === 'Complete' ? [row] : [other, row];
    const why = whyBesideJobs(aParty({ conditions: conditions(...rows) }));
    t.is(why.happened.toLowerCase(), `${row[3]}.`.toLowerCase());
    t.regex(why.change, change);
  });
}

test('one that trains, and one that is done, need nothing', (t) => {
  const rows = conditions(
    ['Accepted', 'True', 'Accepted', 'x'],
    ['Connected', 'True', 'Connected', 'y'],
    ['Complete', 'False', 'Running', 'north step 3 of 20'],
  );
  const party = aParty({ conditions: rows });
  t.deepEqual(whyBesideJobs(party), {
    ...{ happened: 'North step 3 of 20.', doing: 'It goes on by itself.', change: '' },
  });
  t.is(whyBesideJobs(aParty({ phase: 'Succeeded' })).happened, 'All rounds are done.');
  const text = besideWhyText(party, whyBesideJobs(party), { width: 80, paint: (words) => words });
  t.is(text, 'north  ● Running\nNorth step 3 of 20.\nIt goes on by itself.\n');
});
