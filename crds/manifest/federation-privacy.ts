// What does not go together with differential privacy in a federation: settings under which the
// account would be of something else than what happens, or that would tell of records beside it.
import type { FederationSpec } from '../api/federation.ts';
import { resolveMethod } from '../methods/resolve.ts';
import type { RefusedField } from './only-document.ts';

export function refusedPrivacy(spec: FederationSpec): readonly RefusedField[] {
  const { privacy, clients } = spec;
  if (privacy === undefined) {
    return clients.flatMap(({ records, maxEpsilon }, i) =>
      (['records', 'maxEpsilon'] as const).flatMap((field) =>
        ({ records, maxEpsilon })[field] === undefined
          ? []
          : [
              {
                path: ['clients', i, field],
                message: `spec.clients[${i}].${field} is set, and the federation has no privacy`,
                hint: 'leave it out, or set spec.privacy',
              },
            ],
      ),
    );
  }
  return [...ofClients(spec, privacy), ...ofTraining(spec), ...ofMethod(spec)];
}

function ofClients(
  { clients, template }: FederationSpec,
  { delta }: NonNullable<FederationSpec['privacy']>,
): readonly RefusedField[] {
  const { globalBatchSize = 1 } = template.training;
  return clients.flatMap(({ records, maxSamples }, i): readonly RefusedField[] => {
    const at = `spec.clients[${i}]`;
    const found: RefusedField[] = [];
    if (records === undefined) {
      const message = `${at}.records is absent; under privacy it must be about the number of its records`;
      found.push({ path: ['clients', i], message, hint: 'write a round number; it is public' });
    } else if (records < globalBatchSize) {
      found.push({
        path: ['clients', i, 'records'],
        message: `${at}.records is ${records}; a step expects globalBatchSize of them, ${globalBatchSize}, which must not be more`,
      });
    } else if (delta !== undefined && Number(delta) >= 1 / records) {
      found.push({
        path: ['privacy', 'delta'],
        message: `spec.privacy.delta is ${delta}; it must be less than 1 / records of every client, and ${at} has ${records}`,
        hint: 'a tenth of that, or less, is usual',
      });
    }
    if (maxSamples !== undefined) {
      found.push({
        path: ['clients', i, 'maxSamples'],
        message: `${at}.maxSamples is set; without one record another would take its place, and the account counts one`,
      });
    }
    return found;
  });
}

function ofTraining({ template }: FederationSpec): readonly RefusedField[] {
  const { dataset, training } = template;
  const rows: readonly (readonly [boolean, readonly string[], string, string?])[] = [
    [
      dataset.packing === 'Packed',
      ['dataset', 'packing'],
      'is Packed; gradients are clipped record by record, so none may share a sequence',
      'set packing: None',
    ],
    [
      dataset.format === 'Auto',
      ['dataset', 'format'],
      'is Auto; the first records would decide how all others are read',
      'name the format of the records, such as Chat',
    ],
    [
      training.maxSteps === undefined,
      ['training'],
      'has no maxSteps; epochs would count the records of a client',
      'set maxSteps',
    ],
    [
      training.globalBatchSize === undefined,
      ['training'],
      'has no globalBatchSize; it is the expected number of records of a step',
    ],
    [
      (training.microBatchSize ?? 1) > 1,
      ['training', 'microBatchSize'],
      'is more than 1; each record has a pass of its own',
      'leave it out',
    ],
  ];
  return rows.flatMap(([holds, path, words, hint]) =>
    holds
      ? [
          {
            path: ['template', ...path],
            message: `spec.template.${path.join('.')} ${words}`,
            hint,
          },
        ]
      : [],
  );
}

function ofMethod({ template }: FederationSpec): readonly RefusedField[] {
  const { rule } = resolveMethod(template.method);
  if (rule.type === 'None' || rule.type === 'ALLoRA') return [];
  const message = `spec.template.method has the rule ${rule.type}, which uses gradients or activations of a batch before they are clipped`;
  return [{ path: ['template', 'method'], message }];
}
