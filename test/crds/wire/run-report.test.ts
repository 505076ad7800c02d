import test from 'ava';
import * as z from 'zod';
import { runReport } from '../../../crds/wire/run-report.ts';

test('the report has a JSON schema that other programs can read', (t) => {
  const schema = z.toJSONSchema(runReport, { unrepresentable: 'throw' });
  t.true((schema.required ?? []).includes('memory'));
  t.is(schema.type, 'object');
});

test('a report says its version, and another version is not taken for it', (t) => {
  t.false(runReport.safeParse({ version: 2 }).success);
});
