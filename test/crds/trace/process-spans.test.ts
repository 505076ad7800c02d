import test from 'ava';
import { ProcessSpans } from '../../../crds/trace/process-spans.ts';
import type { Span } from '../../../crds/trace/span.ts';
import type { Telemetry, TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { aStepBody } from '../../builders/step-body.ts';

const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };

function heard(role: 'prepare' | 'train' | 'publish') {
  const spans: Span[] = [];
  let id = 0;
  const process = new ProcessSpans({
    ...{ role, parent, startMs: 0, newId: () => String(id++), put: (span) => spans.push(span) },
  });
  return {
    spans,
    /** Says something at a second. */
    at(second: number, body: object) {
      process.hear({ ...(body as TelemetryBody), time: second } as Telemetry);
    },
    end: (second: number, error?: string) => process.end(second * 1000, error),
    /** Name, from and to in seconds. */
    get lengths() {
      return spans.map(({ name, startMs, endMs }) => [name, startMs / 1000, endMs / 1000]);
    },
  };
}

const stage = (name: string, state: string, subject?: string) => ({
  ...{ type: 'stage', stage: name, state },
  ...(subject === undefined ? {} : { subject }),
});
const plan = { type: 'plan', firstStep: 0, totalSteps: 9, method: 'LoRA' };

test('a preparation: files are fetched side by side, and all is one span below the process', (t) => {
  const process = heard('prepare');
  process.at(1, stage('Resolve', 'Started', 'model'));
  process.at(2, stage('Resolve', 'Done', 'model'));
  process.at(2, stage('Fetch', 'Started', 'model'));
  process.at(3, stage('Verify', 'Running', 'a.safetensors'));
  process.at(4, stage('Fetch', 'Done', 'model'));
  process.at(4, stage('Verify', 'Running', 'b.safetensors'));
  process.at(5, stage('Fetch', 'Done', 'model'));
  process.at(6, stage('Prepare', 'Started', 'data'));
  process.at(9, stage('Prepare', 'Done'));
  process.end(10);
  t.deepEqual(process.lengths, [
    ['resolve', 1, 2],
    ['fetch', 2, 5],
    ['verify', 3, 4],
    ['tokenise', 6, 9],
    ['prepare', 0, 10],
  ]);
  const own = process.spans.at(-1);
  t.is(own?.parentId, parent.spanId);
  for (const span of process.spans.slice(0, -1)) t.is(span.parentId, own?.spanId);
  for (const { traceId } of process.spans) t.is(traceId, parent.traceId);
});

test('a training: loading, the plan, the first step and no other, checkpoints', (t) => {
  const process = heard('train');
  process.at(1, stage('Load', 'Started'));
  process.at(3, stage('Load', 'Done'));
  process.at(4, plan);
  process.at(4, stage('Evaluate', 'Started', 'on held-out records'));
  process.at(5, stage('Evaluate', 'Running', 'by answering the prompts'));
  process.at(6, stage('Evaluate', 'Done'));
  process.at(8, { ...aStepBody(1), stepMs: { total: 1500, compute: 1400, data: 100 } });
  process.at(9, aStepBody(2));
  process.at(10, { type: 'checkpoint', step: 2, path: '', bytes: 7, ms: 250 });
  process.end(12);
  t.deepEqual(process.lengths, [
    ['load', 1, 3],
    ['plan', 3, 4],
    ['evaluate', 4, 6],
    ['first step', 6.5, 8],
    ['checkpoint', 9.75, 10],
    ['train', 0, 12],
  ]);
  t.deepEqual(process.spans[4]?.attributes, { 'anneal.step': 2, 'anneal.bytes': 7 });
});

test('a trainer that is started again has a first step again', (t) => {
  const process = heard('train');
  for (const second of [1, 5]) {
    process.at(second, { ...plan, firstStep: second });
    process.at(second + 1, aStepBody(second + 1));
  }
  t.deepEqual(
    process.spans.map(({ name }) => name),
    ['plan', 'first step', 'plan', 'first step'],
  );
  t.is(process.spans[2]?.attributes['anneal.resumed_from'], 5);
});

test('what was going on when a process failed ends with it, and its error is told', (t) => {
  const process = heard('train');
  process.at(1, stage('Load', 'Started'));
  process.at(2, { type: 'failure', code: 'E_CRASHED', reason: 'Crashed', message: 'it broke' });
  process.end(3);
  t.deepEqual(process.lengths, [
    ['load', 1, 1],
    ['train', 0, 3],
  ]);
  t.is(process.spans[1]?.error, 'it broke (E_CRASHED)');
  const killed = heard('publish');
  killed.end(1, 'it was ended by SIGKILL');
  t.is(killed.spans[0]?.error, 'it was ended by SIGKILL');
});
