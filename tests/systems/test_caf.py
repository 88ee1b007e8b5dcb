"""CAF: both encoders, both kinds of self-supervised stream, every fusion, and single streams (Yu et al. 2024)."""

import numpy as np
import pytest
import torch
from feature_files import write_features, write_logmel, write_states
from safetensors.numpy import load_file
from ssl_checkpoints import build, save
from system_checks import KEYS, LABELS, check_alone, check_learnt, check_saved, check_seed, classifier
from system_checks import view as view_of

from pipeline.errors import ParamsError, UserError
from pipeline.features.ssl.loading import load_backbone
from pipeline.features.ssl.streams import layer_stream
from pipeline.strict import validate
from pipeline.systems import find_system
from pipeline.systems.caf import CAF, CAFNetwork, CAFParams
from pipeline.systems.caf_logmel import CAFLogMel, CAFLogMelNetwork, CAFLogMelParams
from pipeline.systems.caf_ssl import CAFSSL, CAFSSLParams
from pipeline.systems.layers.dpcnn import DPCNN
from pipeline.systems.layers.feature_fusion import FUSIONS, SequenceAttention
from pipeline.systems.layers.ssl_top_blocks import TopBlocks
from pipeline.systems.layers.textrcnn import TextRCNN

pytestmark = pytest.mark.usefixtures("one_thread")

BOTH = ("logmel", "ssl")
SYSTEMS = {BOTH: CAF, ("logmel",): CAFLogMel, ("ssl",): CAFSSL}
FAST = {"epochs": 15, "batch_size": 8, "learning_rate": 1e-3, "dropout": 0.0, "backbone_dropout": 0.0}
KINDS = {
    "dpcnn": (BOTH, {}),
    "textrcnn": (BOTH, {"encoder": "textrcnn", "fusion": "concatenate"}),
    "textrcnn-last": (("logmel",), {"encoder": "textrcnn", "pool": "last"}),
    "logmel": (("logmel",), {}),
    "ssl": (("ssl",), {"epochs": 40}),
    "ssl-top": (("ssl",), {"top_blocks": 3}),
    "top": (BOTH, {"top_blocks": 3}),
    "attention": (BOTH, {"fusion": "attention", "stream_dim": 64}),
    "attention-textrcnn-top": (
        BOTH,
        {"fusion": "attention", "encoder": "textrcnn", "top_blocks": 3, "stream_dim": 64, "epochs": 8},
    ),
}
RAGGED = ["ssl-top", "top", "attention", "attention-textrcnn-top"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Log-Mels of 12 x 16, and states of `tiny` and of a small HuBERT of 4 blocks, of unequal lengths."""
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(3)
    hubert = save(build("hubert-group"), folder / "hubert")
    states = {key: {"layer_01": rng.standard_normal((int(rng.integers(4, 10)), 32)).astype("f2")} for key in KEYS}
    return {
        "logmel": write_logmel(folder / "logmel.h5", KEYS, frames=12),
        "wav2vec2": write_states(folder / "wav2vec2.h5", KEYS),
        "hubert": write_features(folder / "hubert.h5", states, "ssl", model=hubert, seed=0, layers=[1]),
    }


def view(files, roles=BOTH, model="wav2vec2"):
    return view_of({**files, "ssl": files.get(model)}, roles)


def make(name, seed=0, **changes):
    roles, options = KINDS[name]
    return classifier(SYSTEMS[roles], FAST | options, seed, **changes)


@pytest.fixture(scope="module")
def fitted(files):
    return {name: make(name).fit(view(files, roles), LABELS) for name, (roles, _) in KINDS.items()}


# --- encoders ---


def test_textrcnn_has_the_papers_shapes():
    network = TextRCNN(224)
    assert (network.embed.in_features, network.embed.out_features) == (224, 768)
    assert (network.lstm.input_size, network.lstm.hidden_size, network.lstm.bidirectional) == (768, 384, True)
    assert (network.combine.in_features, network.combine.out_features) == (1536, 768)
    x = torch.randn(2, 224, 224)
    assert network.sequence(x).shape == (2, 224, 768)
    assert network(x).shape == (2, 768)
    lstm = 2 * 4 * (384 * (768 + 384) + 2 * 384)
    assert sum(p.numel() for p in network.parameters()) == 225 * 768 + lstm + 1537 * 768
    last = TextRCNN(224, pool="last")
    assert sum(p.numel() for p in last.parameters()) == 225 * 768 + lstm
    assert last(x).shape == (2, 768)


def test_textrcnn_by_hand():
    network = TextRCNN(5, width=6)
    x = torch.randn(2, 7, 5)
    embedded = network.embed(x)
    forward, backward = torch.zeros(2, 7, 3), torch.zeros(2, 7, 3)
    for order, suffix, found in ((range(7), "", forward), (reversed(range(7)), "_reverse", backward)):
        w, u, b, c = (
            getattr(network.lstm, f"{n}_l0{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = cell = torch.zeros(2, 3)
        for t in order:
            i, f, g, o = (embedded[:, t] @ w.T + b + h @ u.T + c).chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = found[:, t] = torch.sigmoid(o) * torch.tanh(cell)
    joined = torch.cat([forward, embedded, backward], dim=2) @ network.combine.weight.T + network.combine.bias
    torch.testing.assert_close(network(x), torch.tanh(joined).amax(dim=1))
    last = TextRCNN(5, width=6, pool="last")
    last.load_state_dict({name: w for name, w in network.state_dict().items() if "combine" not in name})
    torch.testing.assert_close(last(x), torch.cat([forward[:, -1], backward[:, -1]], dim=1))


def test_dpcnns_sequence_is_every_level_of_its_pyramid():
    network = DPCNN(224, 20)
    x = torch.randn(2, 224, 20)
    levels = network.levels(x)
    assert [level.shape[2] for level in levels] == [222, 111, 55, 27, 13, 6, 3, 1]
    sequence = network.sequence(x)
    assert sequence.shape == (2, 438, 250)
    torch.testing.assert_close(sequence[:, 222 + 4], levels[1][:, :, 4])
    torch.testing.assert_close(sequence[:, 437:].amax(dim=1), network(x))


# --- fusion ---


def test_sequence_attention_by_hand():
    fusion = SequenceAttention(8, 2)
    x, y = torch.randn(3, 5, 8), torch.randn(3, 7, 8)
    valid = torch.arange(7) < torch.tensor([[7], [2], [4]])

    def attend(module, a, b, seen):
        heads = []
        for h in (slice(0, 4), slice(4, 8)):
            q, k, v = (m(s)[..., h] for m, s in ((module.query, a), (module.key, b), (module.value, b)))
            scores = (q @ k.transpose(1, 2) / 2).masked_fill(~seen[:, None], -torch.inf)
            heads.append(scores.softmax(dim=2) @ v)
        return module.out(torch.cat(heads, dim=2))

    a = fusion.norm_x(x + attend(fusion.x_to_y, x, y, valid)).mean(dim=1)
    b = fusion.norm_y(y + attend(fusion.y_to_x, y, x, torch.ones(3, 5).bool()))
    b = torch.stack([row[keep].mean(dim=0) for row, keep in zip(b, valid, strict=True)])
    torch.testing.assert_close(fusion(x, y, valid), torch.cat([a, b], dim=1))
    assert fusion.dims == 16
    torch.testing.assert_close(fusion(x, y.masked_fill(~valid[..., None], 1e6), valid), fusion(x, y, valid))


# --- networks ---


@pytest.mark.slow
@pytest.mark.parametrize("fusion", [*FUSIONS, "attention", None])
@pytest.mark.parametrize("encoder", ["dpcnn", "textrcnn"])
def test_networks_at_the_papers_size(encoder, fusion):
    if fusion:
        network = CAFNetwork(224, 224, 768, 7, CAFParams(encoder=encoder, fusion=fusion)).eval()
    else:
        network = CAFLogMelNetwork(224, 224, 7, CAFLogMelParams(encoder=encoder)).eval()
    region, one = 250 * 224 * 3 + 250, 250 * 250 * 3 + 250
    encoders = {"dpcnn": (250, region + 16 * one), "textrcnn": (768, sum(p.numel() for p in TextRCNN().parameters()))}
    width, wanted = encoders[encoder]
    heads = {"caf": 2 * 257 * 128 + 513 * 128, "attention": 2 * (4 * 256 * 256 + 3 * 256 + 512)}
    dims = {"caf": 128, "sum": 256, "film": 256, "concatenate": 512, "attention": 512, None: 256}[fusion]
    wanted += (width + 1) * 256 + heads.get(fusion, 0) + (dims + 1) * 7 + (769 * 256 if fusion else 0)
    assert sum(p.numel() for p in network.parameters()) == wanted
    x, states, valid = torch.randn(2, 224, 224), torch.randn(2, 9, 768), torch.ones(2, 9).bool()
    ssl = {None: {}, "attention": {"ssl": states, "ssl_valid": valid}}.get(fusion, {"ssl": states.mean(dim=1)})
    with torch.inference_mode():
        assert network(logmel=x, **ssl).shape == (2, 7)
    assert network.classifier.in_features == dims


@pytest.mark.slow
@pytest.mark.parametrize("top_blocks", [0, 3])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("model", ["hubert", "wav2vec2"])
@pytest.mark.parametrize("encoder", ["dpcnn", "textrcnn"])
def test_each_dual_row_of_the_papers_tables_takes_a_step(files, encoder, model, fusion, top_blocks):
    takes_a_step(files, BOTH, model, encoder=encoder, fusion=fusion, top_blocks=top_blocks)


@pytest.mark.parametrize(
    ("roles", "model", "options"),
    [
        (("logmel",), "", {"encoder": "dpcnn"}),
        (("logmel",), "", {"encoder": "textrcnn"}),
        (("ssl",), "hubert", {}),
        (("ssl",), "wav2vec2", {}),
        (("ssl",), "hubert", {"top_blocks": 3}),
        (("ssl",), "wav2vec2", {"top_blocks": 3}),
    ],
)
def test_each_single_row_of_the_papers_tables_takes_a_step(files, roles, model, options):
    takes_a_step(files, roles, model, **options)


def takes_a_step(files, roles, model, **options):
    """One step changes every trained parameter."""
    X = view(files, roles, model)
    layer = {"layer": 1 if model == "hubert" else 9} if "ssl" in roles else {}
    caf = SYSTEMS[roles](epochs=1, **layer, **options)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before = dict(caf.network(X, 4).named_parameters())
    network = caf.fit(X, LABELS).nets_[0].module_
    assert caf.predict_proba(X).shape == (16, 4)
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    parts = {name.split(".")[0] for name in trained}
    expected = {"logmel": {"encoder", "project_a"}, "ssl": {"project_b"}}
    wanted = set.union({"classifier"}, *(expected[role] for role in roles))
    wanted |= {"fusion"} if len(roles) == 2 and options["fusion"] == "caf" else set()
    assert parts == wanted | ({"top"} if options.get("top_blocks") else set())
    still = [name for name, p in network.named_parameters() if name in trained and torch.equal(p, before[name])]
    assert [name for name in still if "k_proj.bias" not in name] == []  # which no softmax over keys depends on


def test_the_registry_finds_them():
    for roles, system in SYSTEMS.items():
        entry = find_system(system.name)
        assert entry.roles == roles
        assert entry.load() is system


@pytest.mark.parametrize(
    ("params", "others"),
    [
        (CAFLogMelParams, ["layer", "top_blocks", "backbone_dropout", "fusion", "heads", "fused_dim"]),
        (CAFSSLParams, ["encoder", "pool", "shared_convolutions", "fusion", "heads", "fused_dim"]),
    ],
)
def test_params_of_what_a_single_stream_lacks_are_refused(params, others):
    for other in others:
        with pytest.raises(ParamsError, match=rf"^params\.{other}: unknown key.*; known: .*stream_dim"):
            validate(params, {other: CAFParams().model_dump()[other]}, "params")
    assert set(CAFParams.model_fields) == set(params.model_fields) | set(others)


# --- the self-supervised stream ---


def test_top_blocks_start_from_the_pretrained_weights_and_are_pooled_over_valid_frames(files):
    X = view(files, ("ssl",))
    model = make("ssl-top", top_blocks=3)
    network = model.network(X, 4).eval()
    backbone = load_backbone("tiny")
    seen = []
    network.project_b.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0]))
    batch, _ = model._batches(X, np.zeros(16, np.int64)).__getitems__(list(range(16)))
    with torch.inference_mode():
        network(**batch)
        for i in range(16):
            hidden = torch.from_numpy(files["wav2vec2"].row(i, "layer_09").astype(np.float32))[None]
            for block in backbone.encoder.layers[9:]:
                hidden = block(hidden)
            torch.testing.assert_close(seen[0][i], hidden[0].mean(dim=0), atol=1e-5, rtol=0)


def test_only_the_top_blocks_of_the_model_are_there(files):
    network = make("top").network(view(files), 4)
    assert len(network.top.blocks) == 3
    assert {name for name, _ in network.named_children()} >= {"encoder", "top", "fusion", "project_a", "project_b"}
    assert "ssl" not in network.standardize  # pretrained blocks take the states as they are


def test_dropout_inside_the_top_blocks_can_be_set(files):
    blocks = load_backbone("tiny").encoder.layers
    for said, wanted in ((None, {blocks[9].dropout.p, blocks[9].attention.dropout}), (0.0, {0.0}), (0.37, {0.37})):
        top = TopBlocks.cached(files["wav2vec2"], 9, said)
        inside = {m.p for m in top.modules() if isinstance(m, torch.nn.Dropout)}
        assert inside | {block.attention.dropout for block in top.blocks} == wanted, said


@pytest.mark.slow
@pytest.mark.parametrize("name", RAGGED)
def test_padding_changes_no_probability(files, fitted, name):
    X = view(files, KINDS[name][0])
    assert files["wav2vec2"].lengths.min() < files["wav2vec2"].lengths.max()
    check_alone(fitted[name], X)


# --- what every classifier promises ---


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_sixteen_utterances_are_learnt_by_heart(files, fitted, name):
    check_learnt(fitted[name], view(files, KINDS[name][0]))


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_seed_decides(files, name):
    X = view(files, KINDS[name][0])
    changes = {"epochs": 1, "dropout": 0.3, "backbone_dropout": 0.3}
    check_seed(lambda seed: make(name, seed, **changes).fit(X, LABELS).predict_proba(X))


@pytest.mark.parametrize("name", KINDS)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, name):
    check_saved(fitted[name], view(files, KINDS[name][0]), tmp_path)
    weights = load_file(tmp_path / "one.safetensors")
    assert ("0.top.blocks.2.attention.k_proj.weight" in weights) == ("top" in name)


# --- what cannot be ---


@pytest.mark.parametrize(("top_blocks", "layer", "right"), [(3, 1, 9), (2, 9, 10)])
def test_top_blocks_that_do_not_fit_the_layer_are_refused(files, top_blocks, layer, right):
    with pytest.raises(ParamsError, match=f"top_blocks: {top_blocks} blocks on layer {layer}.*set layer to {right}$"):
        make("ssl-top", top_blocks=top_blocks, layer=layer).fit(view(files, ("ssl",)), LABELS)


def test_heads_that_do_not_divide_are_refused(files):
    with pytest.raises(ParamsError, match="5 heads do not divide stream_dim 64"):
        make("attention", heads=5).fit(view(files), LABELS)


def test_a_log_mel_too_short_for_dpcnn_is_refused(tmp_path):
    short = {"logmel": write_logmel(tmp_path / "short.h5", KEYS, frames=2)}
    with pytest.raises(UserError, match=r"short\.h5: log-Mels of 2 frames; DPCNN needs 3"):
        make("logmel").fit(view(short, ("logmel",)), LABELS)


def test_a_missing_layer_is_named(files):
    with pytest.raises(UserError, match=r"hubert\.h5: has no layer 9, but layers? .*; choose .* param layer"):
        layer_stream(files["hubert"], 9)


@pytest.mark.parametrize("wrong", [{"encoder": "cnn"}, {"pool": "mean"}, {"fusion": "add"}, {"stream_dim": 7}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ParamsError, match=f"params.{next(iter(wrong))}"):
        validate(CAFParams, wrong, "params")
