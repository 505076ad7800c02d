/** The API names of a fine-tuning job for the cluster, the command line and the worker. */
export const group = 'anneal.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;
export const kind = 'FineTuneJob';
export const listKind = 'FineTuneJobList';
export const singular = 'finetunejob';
export const plural = 'finetunejobs';
export const shortName = 'ftj';

/** What a job that succeeded leaves, where it made an adapter. */
export const adapterNames = {
  kind: 'Adapter',
  listKind: 'AdapterList',
  plural: 'adapters',
  singular: 'adapter',
} as const;

/** What serves adapters by name. */
export const serverNames = {
  kind: 'AdapterServer',
  listKind: 'AdapterServerList',
  plural: 'adapterservers',
  singular: 'adapterserver',
} as const;

/** Several clients that train one adapter, and a client whose hub is elsewhere. */
export const federationNames = {
  kind: 'Federation',
  listKind: 'FederationList',
  plural: 'federations',
  singular: 'federation',
} as const;

export const federationPeerNames = {
  kind: 'FederationPeer',
  listKind: 'FederationPeerList',
  plural: 'federationpeers',
  singular: 'federationpeer',
} as const;

/** Pods in which jobs of one base train together. */
export const poolNames = {
  kind: 'TrainingPool',
  listKind: 'TrainingPoolList',
  plural: 'trainingpools',
  singular: 'trainingpool',
} as const;

/** Also the value of `spec.managedBy` for this operator. */
export const controllerName = `${group}/operator`;
export const multiKueueName = 'kueue.x-k8s.io/multikueue';
