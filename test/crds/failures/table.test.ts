import test from 'ava';
import {
  type Failure,
  failureOf,
  failures,
  isFailureCode,
  workerExitOf,
  workerExits,
} from '../../../crds/failures/table.ts';

const rows = Object.entries(failures) as [keyof typeof failures, Failure][];

/** The table of the command line's help. */
const commandExits = [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 130, 143];

test('codes and reasons are spelt as everywhere', (t) => {
  for (const [code, { reason }] of rows) {
    t.regex(code, /^E(_[A-Z0-9]+)+$/);
    t.regex(reason, /^[A-Z][A-Za-z]+$/, code);
  }
});

test('a reason belongs to one code only', (t) => {
  const reasons = rows.map(([, { reason }]) => reason);
  t.is(new Set(reasons).size, reasons.length);
});

test('every failure ends a worker and a command with a code of their tables', (t) => {
  for (const [code, { workerExit, cliExit }] of rows) {
    t.truthy(workerExitOf(workerExit), code);
    t.not(workerExit, 0, code);
    t.true(commandExits.includes(cliExit), code);
  }
});

test('every exit code of the command line but the good one has a failure', (t) => {
  const used = new Set(rows.map(([, { cliExit }]) => cliExit));
  for (const exit of commandExits) t.true(used.has(exit), String(exit));
});

test('every exit code of the worker has a failure or is a signal', (t) => {
  const used = new Set(rows.map(([, { workerExit }]) => workerExit));
  for (const { code } of workerExits)
    t.true(code === 0 || code === 139 || used.has(code), String(code));
});

test('a failure whose exit code ends the Job of a pod at once is permanent', (t) => {
  const failJob = [64, 65, 66, 73, 74, 77];
  for (const [code, { workerExit, retry }] of rows) {
    if (failJob.includes(workerExit)) t.true(retry === 'Permanent' || retry === 'None', code);
  }
  for (const exit of failJob) t.is(workerExitOf(exit)?.retry, 'Permanent');
});

test('what is wrong in the input is never tried again', (t) => {
  for (const [code, row] of rows) {
    if (row.class === 'UserError') t.true(row.retry === 'Permanent' || row.retry === 'None', code);
  }
});

test('meanings are sentences, remedies are advice', (t) => {
  for (const [code, { meaning, remedy }] of rows) {
    t.regex(meaning, /^[A-Z].*\.$/, code);
    t.notRegex(meaning, /failed to|error:|!/i, code);
    t.regex(remedy, /[^.!]$/, code);
  }
});

test('codes are found by their name and by nothing else', (t) => {
  t.true(isFailureCode('E_DIVERGED'));
  t.false(isFailureCode('E_NOTHING'));
  t.false(isFailureCode('toString'));
  t.is(failureOf('E_DIVERGED').workerExit, 74);
});
