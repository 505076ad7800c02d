// The file of a transfer, and what of it does not go together.
import { type Transfer, type TransferSpec, transfer, transferKind } from '../api/transfer.ts';
import { incompatibilities } from '../combinations/compatibility.ts';
import { parseOnly, type RefusedField } from './only-document.ts';

/** The transfer of a file; throws one UserError with all problems. */
export function parseTransfer(text: string, file: string): Transfer {
  return parseOnly(text, file, {
    kind: transferKind,
    schema: transfer,
    refused: ({ spec }) => refused(spec),
  });
}

function refused(spec: TransferSpec): readonly RefusedField[] {
  const ofJob = incompatibilities(spec.job, 'machine').map(
    ({ path, message, hint }): RefusedField => ({
      path: ['job', ...path.filter((step) => step !== 'spec')],
      message: `in the job, ${message}`,
      hint,
    }),
  );
  return [...ofJob, ...idle(spec), ...tooFew(spec)];
}

function tooFew({ samples, heldOut, maxCandidates }: TransferSpec): readonly RefusedField[] {
  const wanted = samples + heldOut;
  return maxCandidates >= wanted
    ? []
    : [
        {
          path: ['maxCandidates'],
          message: `spec.maxCandidates is ${maxCandidates}; samples and heldOut ask for ${wanted}, and not every candidate is kept`,
        },
      ];
}

/** Fields of a job that would do nothing in a transfer, or contradict it. */
function idle({ job }: TransferSpec): readonly RefusedField[] {
  const { dataset, training } = job;
  const rows: readonly (readonly [boolean, readonly string[], string, string?])[] = [
    [
      dataset.eval !== undefined || dataset.heldOut !== undefined,
      ['dataset'],
      'has eval or heldOut, and records are made',
      'set spec.heldOut',
    ],
    [
      dataset.maxSamples !== undefined,
      ['dataset', 'maxSamples'],
      'is set, and records are made',
      'set spec.samples',
    ],
    [
      dataset.format !== 'Auto',
      ['dataset', 'format'],
      'is set; records have the form that the kit has',
      'leave it out',
    ],
    [
      training.maxSteps === 0,
      ['method'],
      'trains nothing, and a transfer trains an adapter',
      'name a method that trains',
    ],
  ];
  return rows.flatMap(([holds, path, words, hint]) =>
    holds ? [{ path: ['job', ...path], message: `spec.job.${path.join('.')} ${words}`, hint }] : [],
  );
}
