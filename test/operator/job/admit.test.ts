import test from 'ava';
import { admit } from '../../../operator/job/admit.ts';
import { viewOf } from '../../../operator/job/view.ts';
import { aBus, someFacts } from '../../builders/job-facts.ts';

const view = (facts: ReturnType<typeof someFacts>) => {
  if (facts.job.spec === undefined) throw new Error('it has a spec');
  return viewOf(facts, facts.job.spec);
};
const job = (changes: object) => {
  const facts = someFacts({});
  return { ...facts, ...changes, job: { ...facts.job, hasFinalizer: true } };
};

test('a job is made known on the bus once, with the most workers that it may have', (t) => {
  const unknown = aBus({ admitted: undefined });
  const { calls } = admit(view(job({ bus: unknown })));
  t.like(calls?.[0], { type: 'Admit', record: { v: 1, workers: 1 } });
  const [call] = calls ?? [];
  const admitted = call?.type === 'Admit' ? call.record : undefined;
  t.deepEqual(admit(view(job({ bus: aBus({ admitted }) }))), {});
});

test('nothing is written that nobody would remove, and nothing while the bus is away', (t) => {
  const facts = someFacts({});
  const unheld = {
    ...facts,
    bus: aBus({ admitted: undefined }),
    job: { ...facts.job, hasFinalizer: false },
  };
  t.deepEqual(admit(view(unheld)), {});
  t.deepEqual(admit(view(job({ bus: { type: 'Away', since: 0 } }))), {});
});
