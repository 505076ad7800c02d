import test from 'ava';
import fc from 'fast-check';
import { Phase } from '../../../crds/api/conditions.ts';
import { type LastSeen, type Seen, stageStates } from '../../../crds/stages/stage-states.ts';
import { stagesOf } from '../../../crds/stages/stages-of.ts';
import {
  answersSubject,
  calibrationSubject,
  teacherSubject,
} from '../../../crds/stages/subjects.ts';
import { aSpec, changed } from '../../builders/job.ts';

const whole = stagesOf(
  changed(aSpec(), {
    method: { preset: 'LoRAGA' },
    'dataset.heldOut': { samples: 4 },
    'training.distillation': { weight: '0.5' },
    'training.samples': { prompts: ['a'], maxTokens: 8, temperature: '0' },
    'output.quantization': { method: 'GPTQ' },
  }),
);

/** `train Now 37`: the stage that it has come to. */
function now(seen: Partial<Seen>, stages = whole): string {
  const states = stageStates(stages, { phase: 'Running', process: 'prepare', ...seen });
  const at = states.findIndex(({ standing }) => standing !== 'Done');
  const found = states[at];
  if (found === undefined) return 'all Done';
  const { stage, standing, percent } = found;
  return [stage.name, standing, percent].filter((part) => part !== undefined).join(' ');
}

const stage = (type: string, more: object = {}): LastSeen => {
  return { type: 'Stage', stage: type, isTrained: false, ...more };
};
const step = (done: number): LastSeen => ({ type: 'Step', step: done, totalSteps: 40 });

const cases: readonly (readonly [string, Partial<Seen>])[] = [
  ['fetch Now', {}],
  ['fetch Now 12', { last: stage('Fetch', { percent: 12 }) }],
  ['fetch Now', { last: stage('Verify') }],
  ['prepare Now 50', { last: stage('Prepare', { subject: 'notes.jsonl', percent: 50 }) }],
  ['teach Now', { last: stage('Prepare', { subject: teacherSubject }) }],
  ['calibrate Now', { last: stage('Prepare', { subject: calibrationSubject.gradients }) }],
  ['train Now', { last: stage('Load') }],
  ['train Now 37', { last: step(15) }],
  ['train Now', { last: stage('Evaluate') }],
  ['evaluate Now', { last: step(40) }],
  ['evaluate Now 8', { last: stage('Evaluate', { isTrained: true, percent: 8 }) }],
  ['train Now 0', { last: { type: 'Evaluated', step: 0, totalSteps: 40 } }],
  ['sample Now', { last: stage('Evaluate', { isTrained: true, subject: answersSubject }) }],
  ['train Now', { last: stage('Evaluate', { subject: answersSubject }) }],
  ['quantize Now', { last: { type: 'Evaluated', step: 40, totalSteps: 40 } }],
  ['quantize Now', { last: stage('Export', { isTrained: true }) }],
  ['publish Now', { last: stage('Upload', { isTrained: true }) }],
  ['train Now', { last: stage('SomethingNewer') }],
  ['teach Waits', { phase: 'Starting', process: 'train' }],
  ['teach Waits', { phase: 'Queued', process: 'train', last: stage('Prepare') }],
  ['train Waits', { phase: 'Restarting', process: 'train', last: step(15) }],
  ['train Stopped 37', { phase: 'Suspended', process: 'train', last: step(15) }],
  ['train Failed 37', { phase: 'Failed', process: 'train', last: step(15) }],
  ['quantize Failed', { phase: 'Failed', process: 'publish', last: step(15) }],
  ['all Done', { phase: 'Succeeded', last: step(15) }],
];

for (const [index, [expected, seen]] of cases.entries()) {
  test(`how far it is, ${index + 1}: ${expected}`, (t) => t.is(now(seen), expected));
}

test('a message of a stage that the job lacks counts for the nearest that it has', (t) => {
  const plain = stagesOf(changed(aSpec(), { 'model.source': { local: { path: 'model' } } }));
  t.is(now({ last: stage('Fetch', { percent: 3 }) }, plain), 'prepare Now 3');
  t.is(now({ last: stage('Prepare', { subject: teacherSubject }) }, plain), 'train Now');
  t.is(now({ last: stage('Export') }, plain), 'publish Now');
  t.is(now({ last: stage('Evaluate', { isTrained: true }) }, plain), 'publish Now');
  t.is(now({ last: step(40) }, plain), 'publish Now');
});

test('whatever was said last: done stages come first, then at most one at work, then those that wait', (t) => {
  const last = fc.oneof(
    fc.record({
      type: fc.constant('Stage' as const),
      stage: fc.constantFrom('Fetch', 'Prepare', 'Load', 'Evaluate', 'Export', 'Upload', 'Other'),
      subject: fc.constantFrom(undefined, teacherSubject, 'a file'),
      percent: fc.option(fc.nat(100), { nil: undefined }),
      isTrained: fc.boolean(),
    }),
    fc.record({
      type: fc.constantFrom('Step' as const, 'Evaluated' as const),
      step: fc.nat(50),
      totalSteps: fc.nat(50),
    }),
  );
  const seen = fc.record({
    phase: fc.constantFrom(...Phase.options),
    process: fc.constantFrom('prepare' as const, 'train' as const, 'publish' as const),
    last: fc.option(last, { nil: undefined }),
  });
  fc.assert(
    fc.property(seen, (one) => {
      const states = stageStates(whole, one);
      const letters = states.map(({ standing }) =>
        standing === 'Done' ? 'd' : standing === 'Waits' ? 'w' : 'x',
      );
      t.regex(letters.join(''), /^d*x?w*$/);
      t.true(states.every(({ percent = 0 }) => percent >= 0 && percent <= 100));
    }),
  );
  t.pass();
});
