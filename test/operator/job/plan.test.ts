import test from 'ava';
import { digestOfText } from '../../../crds/plan/digest.ts';
import { splitLive } from '../../../crds/plan/live.ts';
import { prepareDigest } from '../../../crds/plan/prepare-digest.ts';
import { planRecord, specOf } from '../../../crds/wire/plan-record.ts';
import { writePlan } from '../../../operator/job/plan.ts';
import { aSpec, type Changes } from '../../builders/job.ts';

const planned = (changes: Changes = {}, uid = 'u') => ({
  ...{ name: 'first', namespace: 'n', uid, annotations: {} },
  spec: aSpec(changes),
});

test('the digest is that of the file, and the file has the whole spec in it', (t) => {
  const job = planned();
  const { text, digest } = writePlan(job);
  t.is(digest, digestOfText(text));
  const record = planRecord.parse(JSON.parse(text));
  t.deepEqual(specOf(record, splitLive(job.spec).live), job.spec);
});

test('what may change while workers run leaves the plan as it is', (t) => {
  const { digest } = writePlan(planned());
  t.is(writePlan(planned({ suspend: true, activeDeadlineSeconds: 60 })).digest, digest);
  t.not(writePlan(planned({ 'training.learningRate': '1e-3' })).digest, digest);
  t.not(writePlan(planned({}, 'other')).digest, digest, 'a job of the same name is another job');
});

test('what prepare is asked for depends on model and data alone', (t) => {
  const digest = prepareDigest(aSpec());
  t.is(prepareDigest(aSpec({ 'training.learningRate': '1e-3' })), digest);
  t.not(prepareDigest(aSpec({ 'dataset.invalidSamplePolicy': 'Fail' })), digest);
});
