// Every value of the chart. `node charts/print-chart.ts` prints values.yaml, values.schema.json and
// docs/chart.md from it.
import * as z from 'zod';
import { bus, nats } from './bus.ts';
import { stringMap } from './field.ts';
import { crds, features, jobs, operator } from './operator.ts';
import {
  admissionPolicies,
  aggregatedRoles,
  liveNumbers,
  monitoring,
  networkPolicies,
  traces,
} from './options.ts';

export const chartValues = z.strictObject({
  global: z
    .looseObject({})
    .optional()
    .describe('Values that a parent chart gives to all its charts; none is used.'),
  nameOverride: z.string().max(40).default('').describe('Name of the chart in labels.'),
  fullnameOverride: z
    .string()
    .max(40)
    .default('')
    .describe('Beginning of the names of all objects; derived from the release when empty.'),
  clusterDomain: z
    .string()
    .min(1)
    .default('cluster.local')
    .describe('Domain of the names of services in the cluster.'),
  labels: stringMap('Labels of every object.'),
  imagePullSecrets: z
    .array(z.strictObject({ name: z.string().min(1) }))
    .default([])
    .describe('Secrets for pulling the images of operator, responder and NATS.'),
  operator,
  jobs,
  features,
  crds,
  bus,
  nats,
  networkPolicies,
  monitoring,
  traces,
  aggregatedRoles,
  liveNumbers,
  admissionPolicies,
});
