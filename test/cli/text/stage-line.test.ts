import test from 'ava';
import { plannedLine, stageEdges, stageLine } from '../../../cli/text/stage-line.ts';
import { type LastSeen, type Seen, stageStates } from '../../../crds/stages/stage-states.ts';
import { stagesOf } from '../../../crds/stages/stages-of.ts';
import { aSpec, changed } from '../../builders/job.ts';

const usual = stagesOf(aSpec());
const many = stagesOf(
  changed(aSpec(), {
    method: { preset: 'PiSSA' },
    'dataset.heldOut': { samples: 4 },
    'training.distillation': { weight: '0.5' },
    'training.samples': { prompts: ['a'], maxTokens: 8, temperature: '0' },
    'output.quantization': { method: 'GPTQ' },
  }),
);
const step = (done: number): LastSeen => ({ type: 'Step', step: done, totalSteps: 40 });
const seen: Seen = { phase: 'Running', process: 'train', last: step(15) };

test('each stage has a word; marks and colours say nothing more', (t) => {
  const line = (more: Partial<Seen>) => stageLine(stageStates(usual, { ...seen, ...more }), 80);
  t.is(line({}), 'fetch done · prepare done · train 37 % · publish waits');
  t.is(line({ last: undefined }), 'fetch done · prepare done · train now · publish waits');
  t.is(
    line({ phase: 'Failed' }),
    'fetch done · prepare done · train failed at 37 % · publish waits',
  );
  t.is(
    line({ phase: 'Suspended' }),
    'fetch done · prepare done · train stopped at 37 % · publish waits',
  );
  t.is(line({ phase: 'Succeeded' }), 'fetch done · prepare done · train done · publish done');
});

test('where there is little room, done stages are counted, and then waiting ones', (t) => {
  const states = stageStates(many, seen);
  t.is(
    stageLine(states, 120),
    '4 done · train 37 % · evaluate waits · sample waits · quantize waits · publish waits',
  );
  t.is(stageLine(states, 80), '4 done · train 37 % · 4 wait');
  t.is(stageLine(states, 10), '4 done · train 37 % · 4 wait');
  t.is(stageLine([], 80), '');
});

test('stages that nobody has begun are named in one line; of too many those in the middle are counted', (t) => {
  const names = many.map(({ name }) => name);
  const all =
    'fetch · prepare · teach · decompose · train · evaluate · sample · quantize · publish';
  t.is(plannedLine(names, all.length), all);
  t.is(plannedLine(names, 72), 'fetch · prepare · teach · 3 more · sample · quantize · publish');
  for (let width = 20; width < all.length; width++) {
    const line = plannedLine(names, width);
    t.true([...line].length <= Math.max(width, 'fetch · 7 more · publish'.length), line);
    t.regex(line, /^fetch · .*publish$/);
  }
  t.is(plannedLine(['prepare', 'publish'], 3), 'prepare · publish', 'there is nothing between');
});

test('a line is said when another stage begins, not for each step', (t) => {
  const edge = stageEdges(80);
  const at = (last: LastSeen) => edge(stageStates(usual, { ...seen, last }));
  t.is(at(step(1)), 'fetch done · prepare done · train 2 % · publish waits');
  t.is(at(step(2)), undefined);
  t.is(at(step(40)), 'fetch done · prepare done · train done · publish now');
  t.is(edge(stageStates(usual, { ...seen, phase: 'Succeeded' })), undefined);
});
