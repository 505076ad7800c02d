import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  missingClasses,
  requireShots,
  requireTwoClasses,
} from '../../../worker/prepare/classes.ts';
import { storeSummary } from '../../../worker/prepare/store-summary.ts';
import { smallGrey } from '../../builders/pictures.ts';

const names = ['negative', 'neutral', 'positive'];

test('A class without a record is named', (t) => {
  t.is(missingClasses({ classes: [3, 1, 2] }, names), undefined);
  t.is(missingClasses({ classes: [3, 0, 2] }, names), 'no record has the class neutral');
  t.is(
    missingClasses({ classes: [0, 0, 2] }, names),
    'no record has the classes negative, neutral',
  );
  t.is(missingClasses({ classes: [] }, names), undefined);
});

test('Records of one class are refused', (t) => {
  const error = t.throws(() => requireTwoClasses({ classes: [0, 5, 0], samples: 5 }, names), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_INVALID_DATA');
  t.regex(error.message, /all 5 records have the class neutral/);
  t.notThrows(() => requireTwoClasses({ classes: [1, 4, 0], samples: 5 }, names));
  t.notThrows(() => requireTwoClasses({ classes: [], samples: 5 }, []));
});

test('A class with fewer records than shots is refused, held-out ones not counted', (t) => {
  const store = { count: 9, classOf: (n: number) => n % 3, sampleOf: (n: number) => n };
  const check = (shots: number | undefined, held: readonly number[]) => () =>
    requireShots({ shots, labels: [...names] }, store, new Set(held));
  t.notThrows(check(3, []));
  t.notThrows(check(undefined, [0, 3, 6]));
  const error = t.throws(check(3, [1]), { instanceOf: UserError });
  t.is(error.path, 'spec.dataset.shots');
  t.is(error.message, 'spec.dataset.shots is 3, but the class neutral has 2 records to train on');
});

test('A store is told by its targets, or by its classes', (t) => {
  const manifest = {
    ...{ samples: 8000, documents: 8000, tokens: 120_000, targetTokens: 30_000 },
    ...{ skipped: { Invalid: 2, NoTargets: 0, TooLong: 1000 }, classes: [4000, 0, 4000] },
    pictures: null,
  };
  t.is(
    storeSummary({ ...manifest, objective: 'Class' }),
    '8,000 records in 2 classes, 120,000 tokens; skipped: 2 unusable, 1,000 too long',
  );
  const contents = { pictures: 'a', offsets: 'b' };
  const pictures = { preprocessing: smallGrey, size: { height: 4, width: 4 }, contents };
  t.regex(storeSummary({ ...manifest, objective: 'Class', pictures }), /^8,000 pictures in 2 /);
  t.is(
    storeSummary({ ...manifest, objective: 'NextToken', classes: [] }),
    '8,000 records, 8,000 documents, 120,000 tokens, 25 % target tokens; skipped: 2 unusable, 1,000 too long',
  );
});
