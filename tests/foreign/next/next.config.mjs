// The packages are elsewhere.
export default { turbopack: { root: "/" } };
