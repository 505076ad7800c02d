// The file of a federation, and what of it does not go together.
import {
  type Federation,
  type FederationSpec,
  federation,
  federationKind,
} from '../api/federation.ts';
import { incompatibilities } from '../combinations/compatibility.ts';
import { resolveMethod } from '../methods/resolve.ts';
import { ofCluster, refusedHubOnCluster } from './federation-cluster.ts';
import { refusedPrivacy } from './federation-privacy.ts';
import { parseOnly, type RefusedField } from './only-document.ts';

/** Whether its clients are on this machine, or reach their hub over a bus, here or in a pod. */
type FederationPlace = 'machine' | 'bus' | 'cluster';

/** The federation of a file; throws one UserError with all problems. */
export function parseFederation(
  text: string,
  file: string,
  where: Exclude<FederationPlace, 'cluster'> = 'machine',
): Federation {
  return parseOnly(text, file, {
    kind: federationKind,
    schema: federation,
    refused: ({ spec }) => refusedHub(spec, where),
  });
}

/** Everything for which a hub cannot run there, each with a sentence. */
export function refusedHub(spec: FederationSpec, where: FederationPlace): readonly RefusedField[] {
  return [
    ...refusedFederation(spec),
    ...idle(spec),
    ...misplaced(spec, where),
    ...(where === 'cluster' ? refusedHubOnCluster(spec) : ofCluster(spec)),
  ];
}

/** What does not go together in a federation, each with a sentence. */
export function refusedFederation(spec: FederationSpec): readonly RefusedField[] {
  const ofTemplate = incompatibilities(spec.template, 'machine').map(
    ({ path, message, hint }): RefusedField => ({
      path: ['template', ...path.filter((step) => step !== 'spec')],
      message: `in the template, ${message}`,
      hint,
    }),
  );
  return [...ofTemplate, ...wrongMethod(spec), ...wrongClients(spec), ...refusedPrivacy(spec)];
}

/** What a client says itself where it is elsewhere, and the other way round. */
function misplaced(
  { clients, quorum }: FederationSpec,
  where: FederationPlace,
): readonly RefusedField[] {
  if (where === 'machine') {
    return clients.flatMap(({ train }, i) =>
      train !== undefined
        ? []
        : [
            {
              path: ['clients', i],
              message: `spec.clients[${i}].train is absent; on one machine each client has its records named here`,
              hint: 'set it, or give --bus where clients are elsewhere',
            },
          ],
    );
  }
  const own = clients.flatMap((client, i) =>
    (['train', 'maxSamples', 'maxEpsilon'] as const)
      .filter((field) => client[field] !== undefined)
      .map((field) => ({
        path: ['clients', i, field],
        message: `spec.clients[${i}].${field} is set, and over a bus the file of the client says it`,
        hint: 'leave it out here, and set it in the FederationPeer of the client',
      })),
  );
  if (quorum.deadlineSeconds !== undefined) return own;
  const message =
    'spec.quorum.deadlineSeconds is absent; over a bus a client that went away would hold a round for ever';
  return [...own, { path: ['quorum'], message, hint: 'set how long a round may take' }];
}

function wrongMethod({ aggregation, template, lambda }: FederationSpec): readonly RefusedField[] {
  const { adapter, base, selection } = resolveMethod(template.method);
  const wanted = aggregation === 'FedSB' ? ['LoRASB', 'LoRAXS'] : ['LoRA'];
  const found: RefusedField[] = [];
  if (!wanted.includes(adapter.type)) {
    found.push({
      path: ['template', 'method'],
      message: `spec.template.method has the adapter ${adapter.type}, and ${aggregation} aggregates ${wanted.join(' or ')}`,
    });
  }
  if (aggregation === 'FLoRA' && base.type !== 'Dense') {
    found.push({
      path: ['template', 'method'],
      message: `spec.template.method has the base ${base.type}, and FLoRA merges each round into the base; it must be Dense`,
      hint: 'LoRAFAIR and FFALoRA leave the base as it is',
    });
  }
  if (selection.type !== 'All') {
    found.push({
      path: ['template', 'method'],
      message: `spec.template.method selects by ${selection.type}; every client trains the same tensors, so it must be All`,
    });
  }
  if (lambda !== undefined && aggregation !== 'LoRAFAIR') {
    found.push({
      path: ['lambda'],
      message: `spec.lambda is set, and ${aggregation} has no residual that it would hold back`,
      hint: 'leave it out, or set spec.aggregation: LoRAFAIR',
    });
  }
  return found;
}

function wrongClients({ clients, aggregation, quorum }: FederationSpec): readonly RefusedField[] {
  const found: RefusedField[] = [];
  for (const [i, { name, rank }] of clients.entries()) {
    if (clients.findIndex((one) => one.name === name) < i) {
      found.push({
        path: ['clients', i, 'name'],
        message: `spec.clients[${i}].name is ${name}, which another client has; names must differ`,
      });
    }
    if (rank !== undefined && aggregation !== 'FLoRA') {
      found.push({
        path: ['clients', i, 'rank'],
        message: `spec.clients[${i}].rank is ${rank}, and ${aggregation} averages adapters of one rank`,
        hint: 'leave it out, or set spec.aggregation: FLoRA',
      });
    }
  }
  const { minClients } = quorum;
  if (minClients !== undefined && minClients > clients.length) {
    found.push({
      path: ['quorum', 'minClients'],
      message: `spec.quorum.minClients is ${minClients}; there are ${clients.length} clients`,
    });
  }
  return found;
}

/** Fields of a job that would do nothing in a federation. */
function idle({ template }: FederationSpec): readonly RefusedField[] {
  const { dataset, training, output, checkpoint, packing } = template;
  const { destination, pushToHub, formats = ['PEFTAdapter'] } = output;
  const rows: readonly (readonly [boolean, readonly string[], string])[] = [
    [
      dataset.eval === undefined && dataset.heldOut === undefined,
      ['dataset'],
      'has neither eval nor heldOut; each round is evaluated on records that the coordinator holds out',
    ],
    [
      String(formats) !== 'PEFTAdapter' || output.quantization !== undefined,
      ['output', 'formats'],
      'must be PEFTAdapter alone: a federation publishes the adapter',
    ],
    [
      pushToHub !== undefined ||
        (destination?.local ?? destination?.persistentVolumeClaim) === undefined,
      ['output'],
      'must have a destination on this machine: local, or a claim',
    ],
    [
      training.evaluation.intervalSteps !== undefined ||
        training.evaluation.earlyStopping !== undefined,
      ['training', 'evaluation'],
      'sets intervalSteps or earlyStopping, and clients hold out no records; the coordinator evaluates once a round',
    ],
    [
      training.samples !== undefined,
      ['training', 'samples'],
      'is set, and no client answers prompts',
    ],
    [
      training.distillation !== undefined,
      ['training', 'distillation'],
      'is set, and clients have no teacher in common',
    ],
    [packing !== undefined, ['packing'], 'is set, and each client trains in a process of its own'],
    [
      checkpoint.resumeFrom !== undefined,
      ['checkpoint', 'resumeFrom'],
      'is set, and a client begins with the state of its round',
    ],
  ];
  return rows.flatMap(([holds, path, words]) =>
    holds
      ? [{ path: ['template', ...path], message: `spec.template.${path.join('.')} ${words}` }]
      : [],
  );
}
