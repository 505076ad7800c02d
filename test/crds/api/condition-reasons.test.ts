import test from 'ava';
import { conditionReasons, isReasonOf } from '../../../crds/api/condition-reasons.ts';
import { condition, conditionTypes } from '../../../crds/api/conditions.ts';
import { failures } from '../../../crds/failures/table.ts';
import { rendezvousCauseNames } from '../../../crds/wire/rendezvous-causes.ts';

const failureReasons = new Set<string>(Object.values(failures).map(({ reason }) => reason));

test('every reason may stand in a condition, and none is spelt like a failure', (t) => {
  for (const type of conditionTypes) {
    for (const reason of Object.keys(conditionReasons[type])) {
      t.true(condition.shape.reason.safeParse(reason).success, reason);
      t.false(failureReasons.has(reason), reason);
    }
  }
});

test('every cause of a new world is a reason of Restarting, or a failure', (t) => {
  for (const cause of rendezvousCauseNames)
    t.true(isReasonOf('Restarting', cause) || failureReasons.has(cause), cause);
});
