// Helm holds values against values.schema.json before it renders anything, and says what is wrong
// and where.
import test from 'ava';
import { refusal, renderText } from './render.ts';

const cases: readonly { readonly values: object; readonly says: RegExp }[] = [
  { values: { operator: { replicas: 0 } }, says: /at '\/operator\/replicas': .*minimum.*0.*1/ },
  { values: { operator: { replcas: 3 } }, says: /at '\/operator': .*'replcas'/ },
  { values: { operater: {} }, says: /'operater'/ },
  {
    values: { operator: { logLevel: 'loud' } },
    says: /at '\/operator\/logLevel': .*'error'.*'debug'/,
  },
  { values: { operator: { namespaces: 'team-a' } }, says: /at '\/operator\/namespaces': .*array/ },
  { values: { operator: { namespaces: ['Team A'] } }, says: /at '\/operator\/namespaces\/0'/ },
  { values: { nats: { replicas: 2 } }, says: /at '\/nats\/replicas'/ },
  { values: { nats: { storage: { size: 'big' } } }, says: /at '\/nats\/storage\/size'/ },
  { values: { bus: { url: 'http://nats' } }, says: /at '\/bus\/url': .*does not match pattern/ },
  {
    values: { bus: { auth: { mode: 'Token' } } },
    says: /at '\/bus\/auth\/mode': .*'PerJob'.*'None'/,
  },
  { values: { features: { gangs: ['Slurm'] } }, says: /at '\/features\/gangs\/0'/ },
  { values: { jobs: { image: { digest: 'sha256:12' } } }, says: /at '\/jobs\/image\/digest'/ },
  { values: { jobs: { image: { pullPolicy: 'Sometimes' } } }, says: /'IfNotPresent'/ },
  { values: { crds: { install: 'yes' } }, says: /at '\/crds\/install': .*boolean/ },
  {
    values: { admissionPolicies: { maxDevices: -1 } },
    says: /at '\/admissionPolicies\/maxDevices'/,
  },
  { values: { labels: { a: 1 } }, says: /at '\/labels\/a': got number, want string/ },
];

for (const { values, says } of cases) {
  test(`${JSON.stringify(values)} is refused with the place and the rule`, async (t) => {
    const said = await refusal(values);
    t.regex(said, says);
    t.true(said.split('\n').length < 12, said);
  });
}

test('a parent chart may pass its global values', async (t) => {
  t.regex(await renderText({ global: { imageRegistry: 'x' } }), /kind: Deployment/);
});
