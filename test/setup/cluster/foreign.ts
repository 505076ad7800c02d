/**
 * A cluster of somebody else, which is used as it is and left as it was: what tests made in it
 * goes, also when they were interrupted, and the definition of our kind is there afterwards as it
 * was before, or is not there.
 */
import { execa } from 'execa';

/** Of what belongs to a whole cluster, the kinds that tests make. */
const kinds = [
  ...['namespaces', 'customresourcedefinitions', 'clusterroles', 'clusterrolebindings'],
  ...['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
  ...['flowschemas', 'prioritylevelconfigurations'],
  ...['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', 'priorityclasses'],
];

/** As test/cluster/access.ts and its users call what they make. */
const ofTests = /\/(limits-)?t-[0-9a-f]{8}$/;
const definition = 'customresourcedefinition.apiextensions.k8s.io/finetunejobs.anneal.dev';

/** `kind.group/name` of everything there. */
export async function namesOn(kubeconfig: string): Promise<readonly string[]> {
  const { stdout } = await kubectl(kubeconfig, ['get', kinds.join(), '-o', 'name']);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Disposed of when the tests have ended. */
export async function keepAsItIs(kubeconfig: string): Promise<AsyncDisposable> {
  const before = new Set(await namesOn(kubeconfig));
  const defined = before.has(definition)
    ? await kubectl(kubeconfig, ['get', definition, '-o', 'json'])
    : undefined;
  return {
    async [Symbol.asyncDispose]() {
      const made = (await namesOn(kubeconfig)).filter((name) => !before.has(name));
      const gone = made.filter((name) => ofTests.test(name));
      // Namespaces go before the definition of what is in them.
      if (gone.length > 0) await kubectl(kubeconfig, ['delete', '--ignore-not-found', ...gone]);
      if (made.includes(definition)) await kubectl(kubeconfig, ['delete', definition]);
      if (defined !== undefined) {
        const flags = ['--server-side', '--force-conflicts', '--field-manager=kubectl'];
        await kubectl(kubeconfig, ['apply', ...flags, '-f', '-'], asWritten(defined.stdout));
      }
    },
  };
}

function asWritten(json: string): string {
  const { apiVersion, kind, metadata, spec } = JSON.parse(json) as Definition;
  const { name, labels, annotations } = metadata;
  return JSON.stringify({ apiVersion, kind, metadata: { name, labels, annotations }, spec });
}

interface Definition {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: object;
    readonly annotations?: object;
  };
  readonly spec: object;
}

function kubectl(kubeconfig: string, args: readonly string[], input = '') {
  return execa('kubectl', ['--kubeconfig', kubeconfig, ...args], {
    ...{ input, timeout: 300_000, detached: true },
  });
}
