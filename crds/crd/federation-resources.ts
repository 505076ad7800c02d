// The CustomResourceDefinitions of Federation and of FederationPeer.
import { federation } from '../api/federation.ts';
import { federationPeer } from '../api/federation-peer.ts';
import { federationNames, federationPeerNames } from '../names/group.ts';
import { printSchema } from '../tree/schema-tree.ts';
import { type CustomResourceDefinition, definitionOf, schemaOf } from './definition.ts';

const phase = { name: 'Phase', type: 'string', jsonPath: '.status.phase' } as const;
const round = { name: 'Round', type: 'string', jsonPath: '.status.progress' } as const;
const epsilon = { name: 'Epsilon', type: 'string', jsonPath: '.status.epsilon' } as const;
const words = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.message',
  priority: 1,
} as const;
const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' } as const;

export function federationDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: federationNames,
    hasStatus: true,
    columns: [
      ...[phase, round],
      { name: 'Clients', type: 'string', jsonPath: '.status.clients.summary' },
      { name: 'Loss', type: 'string', jsonPath: '.status.heldOutLoss' },
      { name: 'Aggregation', type: 'string', jsonPath: '.spec.aggregation' },
      ...[epsilon, words, age],
    ],
    schema: schemaOf(
      printSchema(federation).root,
      'The hub of clients that train one adapter, each on records of its own.',
    ),
  });
}

export function federationPeerDefinition(): CustomResourceDefinition {
  return definitionOf({
    names: federationPeerNames,
    hasStatus: true,
    columns: [
      ...[phase, round],
      { name: 'Submitted', type: 'integer', jsonPath: '.status.submitted' },
      { name: 'Federation', type: 'string', jsonPath: '.spec.federation' },
      ...[epsilon, words, age],
    ],
    schema: schemaOf(
      printSchema(federationPeer).root,
      'A client of a federation whose hub is elsewhere: its records, and what it agrees to.',
    ),
  });
}
