// Tokens and keys for the sources and destinations of a job: those of the Secret that the job
// names, else those of the user on this machine.
import { UserError } from '../../crds/failures/errors.ts';
import type { BucketCredentials } from './bucket-client.ts';
import type { Named, SourceEnvironment } from './source-environment.ts';

export function hubToken(
  reference: { readonly name: string; readonly key: string } | undefined,
  field: string,
  environment: SourceEnvironment,
): Named<string> | undefined {
  if (!reference) return environment.hubToken;
  const { name, key } = reference;
  const value = environment.secret(name, key);
  if (value !== undefined) return { value, name: `Secret ${name}, key ${key}` };
  // A local run has no Secrets and uses the user's own token.
  if (environment.hubToken) return environment.hubToken;
  throw new UserError({
    code: 'E_REFERENCE_NOT_FOUND',
    message: `${field} names key ${key} of Secret ${name}, which is not here`,
    hint: 'set HF_TOKEN for a local run; on a cluster create the Secret',
    path: field,
  });
}

export function bucketCredentials(
  reference: { readonly name: string } | undefined,
  field: string,
  environment: SourceEnvironment,
): Named<BucketCredentials> | undefined {
  if (!reference) return environment.bucketCredentials;
  const read = (key: string) => environment.secret(reference.name, key);
  const accessKeyId = read('AWS_ACCESS_KEY_ID');
  const secretAccessKey = read('AWS_SECRET_ACCESS_KEY');
  const sessionToken = read('AWS_SESSION_TOKEN');
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    const value = { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
    return { value, name: `the keys of Secret ${reference.name}` };
  }
  if (environment.bucketCredentials) return environment.bucketCredentials;
  throw new UserError({
    code: 'E_REFERENCE_NOT_FOUND',
    message: `${field} names Secret ${reference.name}, whose keys are not here`,
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for a local run; on a cluster create the Secret',
    path: `${field}.credentialsSecretRef`,
  });
}
