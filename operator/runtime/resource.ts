// A resource of the API server and the paths of its objects. `read` turns what the server sends
// into what we keep: only the fields that we look at, so that a store of thousands of objects stays
// small.
export interface Resource<T> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  read(raw: unknown): T;
}

/** What every kept object has. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  /** UID of the owner that controls it. */
  readonly controlledBy?: string | undefined;
}

export interface KubeObject {
  readonly metadata: ObjectMeta;
}

/** namespace/name. */
export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Index by the value of a label, as by the UID of the owner. */
export function byLabel(name: string): (object: KubeObject) => readonly string[] {
  return ({ metadata }) => {
    const value = metadata.labels[name];
    return value === undefined ? [] : [value];
  };
}

/** Key of the object that a label of its child names; anybody can write labels. */
export function keyByLabel(label: string): (object: KubeObject) => string | undefined {
  return ({ metadata }) => {
    const name = metadata.labels[label];
    return name === undefined ? undefined : `${metadata.namespace}/${name}`;
  };
}

interface PathParts {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export function pathOf(
  { group, version, plural }: Omit<Resource<unknown>, 'read'>,
  { namespace, name, subresource }: PathParts,
): string {
  const parts = [
    group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return parts.join('/');
}

export function apiVersionOf({ group, version }: Omit<Resource<unknown>, 'read'>): string {
  return group === '' ? version : `${group}/${version}`;
}
