// The configuration a test gives the daemon: written as the file an operator would write.

const toml = (value) => (Array.isArray(value) ? `[${value.map(toml).join(', ')}]` : JSON.stringify(value));

const table = (name, keys) =>
  [`[${name}]`, ...Object.entries(keys).filter(([, v]) => v !== undefined).map(([k, v]) => `${k} = ${toml(v)}`)];

/** The network every test watches. */
export const NETWORK = 'local';

/** What a network has unless a test says otherwise, by family. */
const FAMILIES = {
  evm: { chain_id: 31337, genesis: 'any', confirmations: 3, bloom: 'strict' },
  tron: { confirmations: 'finalized' },
};

/**
 * Text of a configuration file. `dir` holds everything; `endpoints` are URLs or tables; `ports` are those of the
 * receivers; `network` and `store` override keys of theirs.
 */
export function configText({
  dir, pages, tcp, tokens = [], endpoints, money, ports, family = 'evm', network = {}, store = {},
}) {
  const urls = Array.isArray(endpoints) ? endpoints : [endpoints];
  const lines = [
    ...table(`networks.${NETWORK}`, {
      family, window_blocks: 128, poll_interval_ms: 100, start: 'head', retreat_after_ms: 300, ...FAMILIES[family], ...network,
    }),
    ...table(`[networks.${NETWORK}.tokens]`, { symbol: 'USDT', contract: money.token, decimals: money.decimals }),
    ...urls.flatMap((url, i) => table(`[networks.${NETWORK}.endpoints]`, { name: `node-${i + 1}`, ...(url.url ? url : { url }) })),
    ...table('store', { dir: `${dir}/store`, witness: `${dir}/witness`, ...store }),
    ...table('api', { socket: `${dir}/api.sock`, tcp }),
    ...tokens.flatMap((token) => table('[api.tokens]', token)),
    ...table('secrets', { master_key_file: `${dir}/master.key` }),
    ...table('egress', { allow_insecure_loopback: true, ports }),
    ...table('http', { pages }),
    ...table('log', { format: 'json', filter: 'info' }),
    ...table('stop', { grace_ms: 5000 }),
  ];
  return `${lines.join('\n')}\n`;
}
