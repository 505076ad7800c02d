// The end of one trainer of several: who acts, and who leaves it to the one that knows more.
import test from 'ava';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import { aDesired, anEnded, aPair, aState, startMs } from '../../builders/situation.ts';
import { decides } from './decides.ts';

const saved = { step: 6, path: 'round-1/checkpoints/step-00000006' };
const lost = anEnded(failureWith('E_PEER_LOST', 'rank 1 did not answer'));
const patience = startMs + 4_900 + 5_000;

test(
  'a trainer that died is answered by its own pod at once',
  decides,
  aPair(1, { trainer: anEnded(failureWith('E_CRASHED', 'died')) }),
  { type: 'Open', cause: 'ProcessFailed' },
);

test(
  'a trainer that lost another leaves the word to whoever knows why',
  decides,
  aPair(0, { trainer: lost }),
  { type: 'Wait', until: patience },
);

test(
  'and is answered when nobody said anything',
  decides,
  aPair(0, { trainer: lost, now: patience }),
  { type: 'Open', cause: 'MemberUnreachable' },
);

test(
  'what it saved before is committed by whoever survives',
  decides,
  aPair(1, { trainer: anEnded(failureWith('E_PEER_LOST', 'rank 0'), { saved }) }),
  { type: 'Commit', saved },
);

test(
  'the round that another pod opened is followed',
  decides,
  aPair(0, { trainer: lost, state: aState({ round: 2 }) }),
  { type: 'Forget' },
);

test(
  'a pod that is asked to end does not wait for the others',
  decides,
  aPair(0, { trainer: lost, terminateBy: startMs + 60_000 }),
  { type: 'Forget' },
);

test(
  'stopped with the others, a pod waits for the one that was asked',
  decides,
  aPair(0, { trainer: anEnded('Stopped') }),
  { type: 'Wait', until: patience },
);

test(
  'it does not train on in a world that has stopped',
  decides,
  aPair(0, { trainer: anEnded('Stopped'), now: patience }),
  { type: 'Open', cause: 'Disruption' },
);

test(
  'stopped because all are to stop, it says so',
  decides,
  aPair(0, { trainer: anEnded('Stopped'), desired: aDesired({ workers: 2, stop: 'Save' }) }),
  { type: 'Forget' },
);

test(
  'when training has ended well, the first member has the result',
  decides,
  aPair(0, {
    trainer: anEnded('Done', { saved, result: { reason: 'Finished', step: 6 } }),
  }),
  { type: 'Commit', saved, result: { reason: 'Finished', step: 6 } },
);

test('and the others wait for it', decides, aPair(1, { trainer: anEnded('Done', { saved }) }), {
  type: 'Wait',
});

test(
  'of a record that was begun anew with the number of its world, it commits what is saved',
  decides,
  aPair(1, { trainer: anEnded('Done', { saved }), state: aState() }),
  { type: 'Commit', saved },
);

test(
  'and has no reason to fail: whoever has the result commits it',
  decides,
  aPair(1, { trainer: anEnded('Done'), state: aState() }),
  { type: 'Forget' },
);
