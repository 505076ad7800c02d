import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { requireSearch, requireSearchSteps } from '../../../crds/plan/require-search.ts';
import { aSpec } from '../../builders/job.ts';

const common = { 'model.task': 'Restoration', 'dataset.sequenceLength': undefined };
const quantNas = { ...common, method: { preset: 'QuantNAS' } };
const architectureSearch = { warmupSteps: 10, learningRate: '1e-2' };
const searching = { ...quantNas, 'training.architectureSearch': architectureSearch };

test('a network is searched once, and trained by QuantNAS then', (t) => {
  t.notThrows(() => requireSearch(aSpec(searching), 'quantnas-supernet'));
  t.notThrows(() => requireSearch(aSpec(quantNas), 'quantnas'));
  t.notThrows(() => requireSearch(aSpec(common), 'srvgg'));
});

const refused = {
  'spec.training.architectureSearch is absent, but the model is a quantnas-supernet, which has no operations yet':
    [quantNas, 'quantnas-supernet'],
  'spec.training.architectureSearch is set, but the model is a srvgg, which has nothing to search':
    [searching, 'srvgg'],
  'spec.training.architectureSearch is set, but the model is a quantnas, which has nothing to search':
    [searching, 'quantnas'],
  'spec.method has BFloat16, Dense, LoRA, None, but the model is a quantnas, which was tried with Float32, Dense, None, None alone':
    [common, 'quantnas'],
} as const;

for (const [message, [changes, family]] of Object.entries(refused)) {
  test(`refused: ${message}`, (t) => {
    t.throws(() => requireSearch(aSpec(changes), family), { instanceOf: UserError, message });
  });
}

test('a search that would begin behind the last step is refused', (t) => {
  const { training } = aSpec(searching);
  t.notThrows(() => requireSearchSteps(training, 11));
  t.notThrows(() => requireSearchSteps(aSpec(quantNas).training, 1));
  t.throws(() => requireSearchSteps(training, 10), {
    instanceOf: UserError,
    message:
      'spec.training.architectureSearch.warmupSteps is 10, but the run has 10 steps; nothing would be searched',
  });
});
