"""Gene expression of cell types and subsets: mixtures of real profiles, marker genes, programmes.

Levels are counts per million of the cell's own RNA before immunoglobulin; fold changes are of the natural scale.
"""

import zlib
from pathlib import Path

import numpy as np
import pandas as pd

TABLES = Path(__file__).resolve().parents[1] / "data" / "simulator"
CAR = "FMC63_CAR"
MILD = {
    "plasma": 0.6,
    "NK": 0.45,
    "myeloid": 0.3,
}  # spread of ln fold changes of the many genes that differ a little
DISPERSIONS = (0.05, 0.12, 0.3, 0.8)

# state: (mixture of vendored profiles, {gene: level}, {gene: factor})
STATES = {
    "CD4 T": ({"CD4+T": 1}, {"TRAC": 500}, {"GNLY": 0.1, "NKG7": 0.15, "GZMB": 0.1, "CD8A": 0.1, "CD8B": 0.1, "CD4": 1.5}),
    "CD8 T": ({"CD8+T": 1}, {"TRAC": 500}, {"CD4": 0.2, "CD8A": 1.3}),
    "NK": ({"NK": 1}, {"TRDC": 300, "TRBC1": 60}, {"IL32": 0.5, "CD3E": 0.5}),
    "monocyte": ({"Monocyte": 1}, {}, {"NKG7": 0.3}),
    "cDC": ({"Dendritic": 0.45, "Monocyte": 0.35, "B": 0.2}, {"CD1C": 350, "FCER1A": 500, "CLEC10A": 350, "CLEC9A": 20},
            {"CD14": 0.1, "MS4A1": 0.02, "CD79A": 0.05, "CD79B": 0.1, "CD19": 0, "LYZ": 0.9, "C1QB": 0.05, "FCGR3A": 0.1,
             "APOE": 0.02, "APOC1": 0.02, "HLA-DRA": 1.5, "S100A8": 0.1, "S100A9": 0.2, "TNFSF13B": 0.4}),
    "neutrophil precursor": ({"Monocyte": 0.8, "CD4+T": 0.2},
            {"MPO": 900, "ELANE": 700, "AZU1": 700, "PRTN3": 700, "CTSG": 400, "LTF": 300, "CAMP": 200, "DEFA3": 300,
             "MS4A3": 100, "CEBPE": 60, "SRGN": 2500},
            {"HLA-DRA": 0.1, "HLA-DRB1": 0.1, "HLA-DPA1": 0.1, "CD74": 0.2, "CD14": 0.1, "CSF3R": 1.6, "CD3D": 0, "CD3E": 0,
             "IL7R": 0, "CD2": 0, "IL32": 0.05, "TNFSF13B": 0.1}),
    "plasma": ({"Plasma": 1}, {"SDC1": 300, "TNFRSF17": 330, "ICAM1": 240, "CD38": 180, "IGHGP": 300},
               {"JCHAIN": 0.25, "MS4A1": 0.1}),
    "B": ({"B": 1}, {"IGHM": 100, "TNFRSF13C": 150}, {}),
    "B precursor": ({"B": 0.8, "CD4+T": 0.2},
            {"VPREB1": 250, "VPREB3": 900, "IGLL1": 350, "DNTT": 60, "RAG1": 40, "RAG2": 20, "SOX4": 700, "CD9": 250,
             "MME": 180, "CD24": 300, "CD79A": 1500, "CD79B": 900, "TCL1A": 500, "PCDH9": 200, "IGHM": 500, "CD38": 60},
            {"MS4A1": 0.15, "CD27": 0.1, "CD3D": 0, "CD3E": 0, "IL7R": 0.3, "IL32": 0, "CD2": 0, "GZMA": 0, "CD4": 0, "JCHAIN": 0.02}),
    "B-ALL blast": ({"B": 0.65, "CD4+T": 0.25, "Monocyte": 0.1},
            {"DNTT": 450, "MME": 380, "CD34": 260, "VPREB1": 280, "VPREB3": 700, "IGLL1": 650, "SOX4": 1000, "CD9": 450,
             "RAG1": 70, "CD19": 380, "CD79A": 1300, "CD79B": 900, "ERG": 90, "SOCS2": 420, "CD24": 250, "CD38": 90,
             "PAX5": 130, "EBF1": 160, "BLNK": 130, "HMGB1": 2500, "STMN1": 900, "CRLF2": 20, "SOCS1": 60, "ABL1": 90,
             "IGHM": 60, "CD99": 900, "TUBA1B": 1500},
            {"MS4A1": 0.08, "CD3D": 0, "CD3E": 0, "IL7R": 0.6, "IL32": 0, "CD2": 0, "GZMA": 0, "CD4": 0, "CCL5": 0, "NKG7": 0,
             "LYZ": 0.02, "S100A8": 0.02, "S100A9": 0.02, "CD14": 0, "FCN1": 0.02, "CST3": 0.1, "TNFSF13B": 0.05, "FCER2": 0.02,
             "CD27": 0.1, "JCHAIN": 0.02, "TNFRSF13C": 0.2, "CSF3R": 0.1, "VCAN": 0.02}),
    "HSPC": ({"B": 0.4, "CD4+T": 0.3, "Monocyte": 0.3},
            {"CD34": 450, "SPINK2": 900, "AVP": 150, "PRSS57": 500, "CRHBP": 80, "SOX4": 800, "EGFL7": 300, "GATA2": 200,
             "KIT": 90, "CYTL1": 150, "MPO": 150, "STMN1": 700, "HMGB1": 1800, "SMIM24": 300, "CDK6": 200},
            {"MS4A1": 0, "CD79A": 0.03, "CD79B": 0.1, "CD19": 0, "CD3D": 0, "CD3E": 0, "IL32": 0, "CD2": 0, "GZMA": 0, "CD4": 0.3,
             "LYZ": 0.05, "S100A8": 0.02, "S100A9": 0.03, "CD14": 0, "FCN1": 0.02, "TNFSF13B": 0.05, "FCER2": 0, "BANK1": 0,
             "JCHAIN": 0.05, "IL7R": 0.05, "CSF3R": 0.6, "VCAN": 0.02, "CCL5": 0, "TCL1A": 0, "NKG7": 0, "TNFRSF13C": 0.02}),
    "erythroid": ({"CD4+T": 0.7, "B": 0.3},
            {"HBB": 4000, "HBA1": 3000, "HBA2": 3500, "HBD": 150, "ALAS2": 60, "GYPA": 30, "GYPB": 20, "AHSP": 500, "CA1": 300,
             "CA2": 100, "SLC25A37": 60, "KLF1": 150, "GATA1": 100, "TFRC": 250, "HEMGN": 60, "BLVRB": 700, "PRDX2": 1200,
             "HBM": 60, "REXO2": 300, "TFR2": 40, "EPOR": 40},
            {"CD3D": 0, "CD3E": 0, "IL32": 0, "IL7R": 0, "CD2": 0, "GZMA": 0, "MS4A1": 0, "CD79A": 0, "CD79B": 0.02, "CD19": 0,
             "CCL5": 0, "CD74": 0.1, "HLA-DRA": 0.05, "LTB": 0.05, "CD4": 0, "TCL1A": 0, "BANK1": 0, "CD27": 0, "TNFRSF13C": 0,
             "NKG7": 0, "CD52": 0.2, "B2M": 0.5, "CXCR4": 0.2, "CD69": 0.05, "TMSB4X": 0.5, "JCHAIN": 0.02}),
    "megakaryocyte": ({"Monocyte": 0.6, "CD4+T": 0.4},
            {"PPBP": 6000, "PF4": 4500, "TUBB1": 700, "GP9": 600, "ITGA2B": 500, "GNG11": 900, "NRGN": 500,
             "GP1BB": 600, "CLU": 500, "SPARC": 300, "MYL9": 300, "TREML1": 120, "CAVIN2": 400},
            {"LYZ": 0.02, "S100A8": 0.1, "S100A9": 0.1, "CD14": 0.02, "CD3D": 0, "CD3E": 0, "IL32": 0, "IL7R": 0, "VCAN": 0.05,
             "FCN1": 0.02, "CD74": 0.1, "HLA-DRA": 0.05, "CD4": 0.1, "CD2": 0, "GZMA": 0, "CSF3R": 0.1, "TNFSF13B": 0.1}),
}  # fmt: skip

# subset: (cell type, lineage, state, {gene: fold})
SUBSETS = {
    "CD4_naive": ("CD4 T", "T", "CD4 T", {"CCR7": 4, "SELL": 2.5, "LEF1": 4, "TCF7": 2.5, "MAL": 4, "NOSIP": 1.6, "FHIT": 4,
                  "S100A4": 0.35, "IL32": 0.5, "GZMA": 0.2, "CCL5": 0.1, "KLRB1": 0.15, "ITGB1": 0.4, "ANXA1": 0.5}),
    "CD4_memory": ("CD4 T", "T", "CD4 T", {"S100A4": 1.7, "IL32": 1.6, "ANXA1": 1.8, "KLRB1": 2.5, "AQP3": 2.5, "GPR183": 2,
                   "ITGB1": 2.2, "TNFRSF4": 2.5, "CCR7": 0.4, "LEF1": 0.4, "CCR6": 3, "IL7R": 1.4}),
    "CD4_Treg": ("CD4 T", "T", "CD4 T", {"FOXP3": 20, "IL2RA": 14, "CTLA4": 8, "TIGIT": 5, "IKZF2": 8, "RTKN2": 12, "BATF": 3,
                 "TNFRSF18": 4, "TNFRSF4": 4, "IL7R": 0.3, "TBC1D4": 3, "CCR7": 0.6, "S100A4": 1.6, "CCR10": 5}),
    "CD8_effector": ("CD8 T", "T", "CD8 T", {"GZMB": 2.6, "GNLY": 2.4, "NKG7": 1.6, "FGFBP2": 6, "CX3CR1": 6, "PRF1": 2.6,
                     "GZMH": 3.2, "KLRD1": 2, "GZMK": 0.2, "IL7R": 0.3, "FCGR3A": 4, "SPON2": 4, "EFHD2": 2, "CD27": 0.3}),
    "CD8_memory": ("CD8 T", "T", "CD8 T", {"GZMK": 2, "IL7R": 1.6, "CCL5": 1.2, "CD27": 1.7, "CXCR3": 2.2, "DUSP2": 1.8,
                   "GZMB": 0.25, "GNLY": 0.3, "PRF1": 0.6, "COTL1": 1.5, "EOMES": 2.5, "LTB": 1.5}),
    "CD8_ISG+": ("CD8 T", "T", "CD8 T", {"ITGB2": 2.0, "GZMA": 1.4, "LAG3": 3.5, "GZMK": 1.3, "CXCR3": 1.6, "TIGIT": 2.5,
                 "CD38": 6, "HLA-DRA": 2.5, "GNLY": 0.6, "IL7R": 0.6, "CCL4": 1.8}),
    "CD56dim": ("NK", "NK", "NK", {"FCGR3A": 1.5, "FGFBP2": 2, "CX3CR1": 2.2, "PRF1": 1.3, "SPON2": 1.8, "NCAM1": 0.8, "GZMK": 0.2}),
    "CD56dim_adaptive": ("NK", "NK", "NK", {"KLRC2": 14, "IL32": 7, "CD3E": 5, "GZMH": 2.5, "LAG3": 2.5, "KLRC1": 0.15,
                         "FCER1G": 0.25, "KLRB1": 0.3, "CD2": 3, "KLRC3": 4, "CCL5": 1.7, "VIM": 1.4}),
    "CD56bright": ("NK", "NK", "NK", {"NCAM1": 3.5, "FCGR3A": 0.12, "GZMK": 18, "SELL": 3.5, "XCL1": 4, "XCL2": 3, "IL7R": 4,
                   "KLRC1": 2.2, "CD44": 2.2, "GPR183": 4, "FGFBP2": 0.12, "GZMB": 0.5, "LTB": 3, "TCF7": 3, "COTL1": 2}),
    "CD56bright_ISG+": ("NK", "NK", "NK", {"NCAM1": 3, "FCGR3A": 0.18, "GZMK": 10, "SELL": 2.5, "XCL1": 3, "XCL2": 2.5,
                        "IL7R": 2.5, "KLRC1": 2, "CD44": 1.8, "GPR183": 2.5, "FGFBP2": 0.2, "ITGB2": 1.9, "TNFSF10": 3}),
    "classical_monocyte": ("classical monocyte", "myeloid", "monocyte", {"CD14": 1.4, "S100A8": 1.4, "S100A12": 1.6, "VCAN": 1.6,
                           "FCGR3A": 0.4, "CDKN1C": 0.2, "CSF3R": 1.3}),
    "nonclassical_monocyte": ("nonclassical monocyte", "myeloid", "monocyte", {"FCGR3A": 16, "MS4A7": 6, "CDKN1C": 20, "LST1": 2,
                              "RHOC": 3.5, "TCF7L2": 4, "S100A8": 0.08, "S100A9": 0.15, "CD14": 0.1, "VCAN": 0.06, "S100A12": 0.05,
                              "LYZ": 0.35, "TNFSF13": 14, "TNFSF13B": 2.6, "HES4": 8, "LILRB2": 2.5, "IFITM2": 2, "IFITM3": 2.2,
                              "IFITM1": 2, "CX3CR1": 4, "CSF1R": 2.5, "AIF1": 1.5}),
    "cDC": ("cDC", "myeloid", "cDC", {}),
    "neutrophil_precursor": ("neutrophil precursor", "myeloid", "neutrophil precursor", {}),
    "Plasma_1": ("plasma cell", "plasma", "plasma", {"CD200": 14, "NCAM1": 20, "LAMP5": 20, "FRZB": 14, "DKK1": 12, "ITGB7": 3,
                 "CD19": 0.05, "CD27": 0.7, "CCND2": 5, "ICAM1": 1.6, "HLA-DRA": 0.4, "CD74": 0.6, "CST3": 3, "CD9": 4, "NES": 6}),
    "Plasma_2": ("plasma cell", "plasma", "plasma", {"CD200": 9, "NCAM1": 12, "LAMP5": 6, "FRZB": 5, "CD19": 0.05, "CD27": 0.8,
                 "CCND2": 8, "HSPA5": 2.6, "DDIT3": 4, "ATF4": 1.8, "TXNDC5": 1.7, "PDIA4": 2, "HERPUD1": 2, "FOS": 0.35,
                 "JUN": 0.5, "SDF2L1": 2.2, "ICAM1": 1.3, "HSP90B1": 1.8, "TRIB3": 5, "STMN1": 4, "TUBA1B": 2}),
    "Plasma_3": ("plasma cell", "plasma", "plasma", {"CD19": 5, "CD27": 1.8, "HLA-DRA": 3, "CD74": 1.6, "CXCR4": 1.8, "VIM": 2.2,
                 "NCAM1": 0.1, "CD200": 0.2, "KLF2": 2, "S100A6": 2, "AHNAK": 2, "ICAM1": 0.7, "TNFRSF17": 0.9}),
    "naive_B": ("naive B", "B", "B", {"TCL1A": 8, "IGHD": 6, "FCER2": 5, "IL4R": 2.5, "CD27": 0.1, "AIM2": 0.2, "TNFRSF13B": 0.3}),
    "memory_B": ("memory B", "B", "B", {"CD27": 4, "AIM2": 6, "TNFRSF13B": 5, "TCL1A": 0.05, "S100A4": 3, "COCH": 5, "FCER2": 0.2,
                 "ITGB1": 4, "CRIP1": 4}),
    "B_precursor": ("B precursor", "B", "B precursor", {}),
    "B-ALL_blast": ("B-ALL blast", "blast", "B-ALL blast", {}),
    "HSPC": ("HSPC", "HSPC", "HSPC", {}),
    "erythroid": ("erythroid", "erythroid", "erythroid", {}),
    "megakaryocyte": ("megakaryocyte", "megakaryocyte", "megakaryocyte", {}),
}  # fmt: skip

MITO = {"MT-CO1": 1.0, "MT-CO2": 0.9, "MT-CO3": 1.0, "MT-ATP6": 0.8, "MT-ATP8": 0.02, "MT-ND1": 0.5, "MT-ND2": 0.45,
        "MT-ND3": 0.5, "MT-ND4": 0.8, "MT-ND4L": 0.1, "MT-ND5": 0.2, "MT-ND6": 0.03, "MT-CYB": 0.55}  # fmt: skip
BASE_MITO = 0.04  # share of the profile that the mitochondrial genes have at strength 0
S_PHASE = "MCM5 PCNA TYMS FEN1 MCM2 MCM4 RRM1 UNG GINS2 MCM6 CDCA7 DTL PRIM1 UHRF1 HELLS RFC2 NASP RAD51AP1 GMNN WDR76 SLBP CCNE2 UBR7 POLD3 MSH2 ATAD2 RAD51 RRM2 CDC45 CDC6 EXO1 TIPIN DSCC1 BLM CASP8AP2 USP1 CLSPN POLA1 CHAF1B BRIP1 E2F8".split()  # noqa: E501
G2M_PHASE = "HMGB2 CDK1 NUSAP1 UBE2C BIRC5 TPX2 TOP2A NDC80 CKS2 NUF2 CKS1B MKI67 TMPO CENPF TACC3 SMC4 CCNB2 CKAP2L CKAP2 AURKB BUB1 KIF11 ANP32E TUBB4B GTSE1 KIF20B HJURP CDCA3 CDC20 TTK CDC25C KIF2C RANGAP1 NCAPD2 DLGAP5 CDCA2 CDCA8 ECT2 KIF23 HMMR AURKA PSRC1 ANLN LBR CKAP5 CENPE CTCF NEK2 G2E3 GAS2L3 CBX5 CENPA".split()  # noqa: E501
STRESS = "FOS FOSB JUN JUNB JUND EGR1 IER2 ATF3 DUSP1 HSPA1A HSPA1B HSPA6 DNAJB1 HSP90AA1 HSPH1 NR4A1 ZFP36 KLF6 CD69 PPP1R15A BTG2 NFKBIA".split()  # noqa: E501
HAEMOGLOBIN = [
    "HBB",
    "HBA1",
    "HBA2",
    "HBD",
    "HBM",
    "ALAS2",
    "AHSP",
    "CA1",
    "GYPA",
    "GYPB",
    "SLC25A37",
    "HEMGN",
]
SEX_GENES = {"female": ["XIST", "TSIX"], "male": "RPS4Y1 DDX3Y EIF1AY KDM5D UTY USP9Y ZFY TMSB4Y".split()}
EXTRA_GENES = [
    "TRBC1",
    "TRBC2",
    "TRAC",
    "IGHM",
    "IGHD",
    "IGHG1",
    "IGHG2",
    "IGHG3",
    "IGHG4",
    "IGHA1",
    "IGHA2",
    "IGKC",
    "IGLC1",
    "IGLC2",
    "IGLC3",
    "IGLC7",
]  # noqa: E501


class Genome:
    """The vendored genes with the CAR at the end, the states' profiles and the programmes.

    features: gene_id, gene, feature_type, genome, chromosome, arm. base: (S, G) float32. Programmes in CSR form:
    start, gene, effect; their order in `programme`.
    """

    def __init__(self) -> None:
        table = pd.read_parquet(TABLES / "genes.parquet")
        car = {"gene_id": CAR, "gene": CAR, "chromosome": "", "arm": ""}
        table["genome"] = "GRCh38"
        for column in ("chromosome", "arm"):
            table[column] = table[column].astype(str)
        table = pd.concat([table, pd.DataFrame([car | {"genome": "FMC63_CAR_vector"}])], ignore_index=True)
        self.table = table.fillna(0.0)
        self.features = table[["gene_id", "gene", "genome", "chromosome", "arm"]].assign(
            feature_type="Gene Expression"
        )
        first = table[~table["gene"].duplicated()]
        self.at = dict(zip(first["gene"], first.index, strict=True))
        self.states = list(STATES)
        self.base = np.stack([self._profile(*STATES[name]) for name in STATES])
        self.base[:, [self.at[g] for g in MITO]] = (
            np.array(list(MITO.values())) * (BASE_MITO / sum(MITO.values())) * 1e6
        )
        self.programme: dict[str, int] = {}
        self._index: list[np.ndarray] = []
        self._effect: list[np.ndarray] = []
        self._make_programmes()
        self.base = self.base.astype(np.float32)
        self.start = np.concatenate([[0], np.cumsum([len(i) for i in self._index])]).astype(np.int64)
        self.gene = np.concatenate(self._index).astype(np.int32)
        self.effect = np.concatenate(self._effect).astype(np.float32)
        rng = np.random.default_rng(7)
        self.dispersion = rng.choice(4, len(table), p=[0.35, 0.4, 0.2, 0.05]).astype(np.int8)
        self.dispersion[self.ids(STRESS)] = 2

    def _profile(self, mixture: dict, levels: dict, factors: dict) -> np.ndarray:
        profile = sum(self.table[name].to_numpy(float) * weight for name, weight in mixture.items())
        for gene, factor in factors.items():
            profile[self.at[gene]] *= factor
        for gene, level in levels.items():
            if gene in self.at:
                profile[self.at[gene]] = level
        return profile

    def ids(self, genes: list[str]) -> np.ndarray:
        """Rows of those of the genes that the reference has."""
        return np.array([self.at[g] for g in genes if g in self.at], np.int64)

    def _add(self, name: str, index: np.ndarray, effect: np.ndarray | float) -> None:
        self.programme[name] = len(self._index)
        self._index.append(np.asarray(index))
        self._effect.append(np.broadcast_to(np.asarray(effect, float), (len(index),)))

    def _make_programmes(self) -> None:
        """Subsets first, then what runs through several cell types; every strength is per cell."""
        for name, (_, lineage, state, folds) in SUBSETS.items():
            row = self.states.index(state)
            genes = [g for g in folds if g in self.at]
            index = self.ids(genes)
            fold = np.array([folds[g] for g in genes], float)
            raised = index[fold > 1]
            self.base[row, raised] = np.maximum(self.base[row, raised], 4.0)
            # Subsets differ in many genes by a little, besides the known markers.
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            mild = rng.choice(np.flatnonzero(self.base[row] > 15), 250, replace=False)
            mild = np.setdiff1d(mild, index)
            self._add(
                name,
                np.concatenate([index, mild]),
                np.concatenate([np.log(fold), rng.normal(0, MILD.get(lineage, 0.3), len(mild))]),
            )
        for kind in ("lymphoid", "myeloid"):
            effect = self.table[f"interferon_{kind}"].to_numpy(float)
            chosen = np.flatnonzero(effect)
            self.base[:, chosen[effect[chosen] > 1]] = np.maximum(
                self.base[:, chosen[effect[chosen] > 1]], 2.0
            )
            self._add(f"interferon_{kind}", chosen, effect[chosen])
        for name, genes, fold in (("S", S_PHASE, 12), ("G2M", G2M_PHASE, 18)):
            index = self.ids(genes)
            self.base[:, index] = np.clip(self.base[:, index], 3.0, 200.0)
            self._add(name, index, np.log(fold))
        self._add("stress", self.ids(STRESS), 1.0)
        self._add("mito", self.ids(list(MITO)), 1.0)
        names = self.table["gene"].astype(str)
        self._add("ribo", np.flatnonzero(names.str.match(r"RP[SL]\d+[AXYL]?\d*$")), 1.0)
        self._add("haemoglobin", self.ids(HAEMOGLOBIN), 1.0)
        arms = self.table["chromosome"].astype(str) + self.table["arm"].astype(str)
        self._add("gain_1q", np.flatnonzero(arms == "chr1q"), np.log(1.5))
        self._add("loss_13q", np.flatnonzero(arms == "chr13q"), np.log(0.5))
        for axis in range(3):
            rng = np.random.default_rng(100 + axis)
            chosen = rng.choice(np.flatnonzero(self.base.mean(0) > 15), 400, replace=False)
            self._add(f"axis_{axis}", chosen, rng.normal(0, 0.25, 400))
