import { KubeConfig } from '@kubernetes/client-node';
import test from 'ava';
import { CredentialSource } from '../../../operator/runtime/credentials.ts';
import { aConfig } from '../../builders/kube-client.ts';
import { FakeClock } from '../../doubles/clock.ts';

/** Gives another token and certificate at each reading. */
class RotatingConfig extends KubeConfig {
  reads = 0;

  override async applyToHTTPSOptions(
    options: Parameters<KubeConfig['applyToHTTPSOptions']>[0],
  ): Promise<void> {
    this.reads += 1;
    options.headers = { Authorization: `Bearer ${this.reads}` };
    options.cert = `certificate ${this.reads}`;
  }
}

function fixture() {
  const config = new RotatingConfig();
  config.loadFromClusterAndUser(
    { name: 'c', server: 'https://server/', skipTLSVerify: true },
    { name: 'u' },
  );
  const clock = new FakeClock();
  return { config, clock, source: new CredentialSource(config, clock) };
}

test('credentials are read once a minute, however many ask', async (t) => {
  const { config, clock, source } = fixture();
  await Promise.all([source.current(), source.current()]);
  clock.advance(60_000);
  await source.current();
  t.is(config.reads, 1);
  clock.advance(1);
  t.is((await source.current()).headers['Authorization'], 'Bearer 2');
});

test('after a 401 they are read at the next request', async (t) => {
  const { config, source } = fixture();
  await source.current();
  source.renew();
  await source.current();
  t.is(config.reads, 2);
});

test('a new certificate is known by its key, so that old connections can go', async (t) => {
  const { source } = fixture();
  const first = await source.current();
  source.renew();
  t.not((await source.current()).tlsKey, first.tlsKey);
});

test('a user with a password is sent as basic authentication', async (t) => {
  const config = aConfig('https://server', { username: 'ü', password: 'p' });
  const { headers } = await new CredentialSource(config, new FakeClock()).current();
  t.is(headers['authorization'], `Basic ${Buffer.from('ü:p').toString('base64')}`);
});

test('a kubeconfig without a cluster is refused with a sentence', (t) => {
  t.throws(() => new CredentialSource(new KubeConfig(), new FakeClock()), {
    message: 'the kubeconfig names no cluster in its current context',
  });
});
