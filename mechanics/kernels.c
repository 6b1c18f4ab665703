/* Element loops of `kinematics`, with the formulas of `hencky` and `plasticity`.

   The NumPy functions of these modules are the reference; names and signs are theirs. Two things
   are done otherwise, with the same result but for round-off. The tangent at finite strain is
   written at the deformed place,

       dP : G(v) = (C : L(du) + L(du) sigma) : L(v),      L(v) = dv/dx,

   with Kirchhoff stress sigma and moduli C that have both minor symmetries, so that principal
   values are enough; and a projection on 1, r and z goes by three orthonormal functions phi_m.

   Components are (rr, rz, zr, zz, tt). Nodal values are ordered by node outside; inside, forces
   are in rows of r and z, stiffnesses in columns of all z, then all r. What is not finite goes
   on into all that depends on it: no comparison may stop it. */

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { RR, RZ, ZR, ZZ, TT, COMPONENTS };
enum { NODES = 9, POINTS = 9, DOFS = 2 * NODES, LINEAR = 3 };

/* Four numbers that the processor treats at once, where it can. */
typedef double Four __attribute__((vector_size(32), may_alias));
enum { NARROW = 3, WIDE = 5, COLUMNS = 4 * WIDE }; /* fours that hold 9 and 18 columns */

/* Relative gap of principal stretches below which the limit of equal ones is taken. */
static const double EQUAL = 1e-6;
static const double IDENTITY[COMPONENTS] = {1, 0, 0, 1, 1};

/* dN/dr, dN/dz and N/r of the shape functions at one point. */
typedef double Slopes[3][NODES];

typedef struct {
    const int64_t *nodes;  /* (cells, NODES) */
    const Slopes *slopes;  /* (cells, POINTS) */
    const double *volumes; /* (cells, POINTS) */
    const double *basis;   /* phi_m, (cells, LINEAR, POINTS) */
} Mesh;

typedef struct {
    int64_t count;
    const int64_t *cells;
    double bulk, pointwise, shear, yield, hardening; /* yield: infinite where elastic */
    double growth;
    const double *tensor, *equivalent; /* history, (count, POINTS, ..); NULL where there is none */
} Body;

/* What is wanted: the response, or the stiffness alone. */
typedef struct {
    double *forces;              /* (cells, DOFS) */
    double *stress;              /* (cells, POINTS, COMPONENTS) */
    double *tensor, *equivalent; /* history at the end, as in Body; NULL where not wanted */
    double *stiffness;           /* (cells, DOFS, DOFS); NULL for the response */
} Answer;

/* ---- one element ---- */

typedef struct {
    const Slopes *slopes;
    const double *volumes, *basis;
    double local[2][NODES]; /* displacements in r and z */
} Element;

static Element element_at(const Mesh *mesh, int64_t cell, const double *displacement) {
    Element e = {mesh->slopes + cell * POINTS, mesh->volumes + cell * POINTS,
                 mesh->basis + cell * LINEAR * POINTS, {{0}}};
    for (int a = 0; a < NODES; a++) {
        const int64_t node = mesh->nodes[cell * NODES + a];
        e.local[0][a] = displacement[2 * node];
        e.local[1][a] = displacement[2 * node + 1];
    }
    return e;
}

/* G(u) of `assembly`. */
static void gradient_at(const Element *e, int q, double g[COMPONENTS]) {
    const double(*s)[NODES] = e->slopes[q];
    memset(g, 0, COMPONENTS * sizeof *g);
    for (int a = 0; a < NODES; a++) {
        g[RR] += s[0][a] * e->local[0][a];
        g[RZ] += s[1][a] * e->local[0][a];
        g[ZR] += s[0][a] * e->local[1][a];
        g[ZZ] += s[1][a] * e->local[1][a];
        g[TT] += s[2][a] * e->local[0][a];
    }
}

/* Pi[values] = sum of phi_m (phi_m, values), weighted by volume; a constant stays as it is. */
static void project(const Element *e, const double values[POINTS], double projected[POINTS]) {
    for (int q = 0; q < POINTS; q++) projected[q] = values[0];
    for (int m = 0; m < LINEAR; m++) {
        const double *phi = e->basis + m * POINTS;
        double moment = 0;
        for (int q = 0; q < POINTS; q++) moment += phi[q] * e->volumes[q] * (values[q] - values[0]);
        for (int q = 0; q < POINTS; q++) projected[q] += phi[q] * moment;
    }
}

/* Add the forces stress . G(v), weighted, of one point. */
static void add_forces(const double stress[COMPONENTS], double weight, const Slopes s,
                       double forces[2][NODES]) {
    double p[COMPONENTS];
    for (int k = 0; k < COMPONENTS; k++) p[k] = weight * stress[k];
    for (int a = 0; a < NODES; a++) {
        forces[0][a] += p[RR] * s[0][a] + p[RZ] * s[1][a] + p[TT] * s[2][a];
        forces[1][a] += p[ZR] * s[0][a] + p[ZZ] * s[1][a];
    }
}

static void write_forces(double forces[2][NODES], double *out) {
    for (int i = 0; i < DOFS; i++) out[i] = forces[i % 2][i / 2];
}

/* Rows of a stiffness as a sum of left x right. */
typedef struct {
    double left[3 * POINTS + 2 * LINEAR][NODES];
    Four right[3 * POINTS + 2 * LINEAR][WIDE];
} Sum;

/* Rows of z and r, and what the projected part is made of. */
typedef struct {
    Sum z, r;
    double moments[LINEAR][COLUMNS]; /* (phi_m, change tr G(v)) */
    double others[LINEAR][COLUMNS];  /* (phi_m, other tr G(v)) */
    double slope[LINEAR][LINEAR];    /* (phi_m, slope phi_n) */
} Stiffness;

static void clear_moments(Stiffness *k) {
    memset(k->moments, 0, sizeof k->moments);
    memset(k->others, 0, sizeof k->others);
    memset(k->slope, 0, sizeof k->slope);
}

/* Set one term: a component of G(v) times that of tangent . G(u). */
static inline void set_term(Sum *sum, int term, const double left[NODES],
                            const double t[COMPONENTS], const Slopes s) {
    double *right = (double *)sum->right[term];
    memcpy(sum->left[term], left, sizeof sum->left[term]);
    for (int b = 0; b < NODES; b++) {
        right[b] = t[ZR] * s[0][b] + t[ZZ] * s[1][b];
        right[NODES + b] = t[RR] * s[0][b] + t[RZ] * s[1][b] + t[TT] * s[2][b];
    }
    for (int b = DOFS; b < COLUMNS; b++) right[b] = 0;
}

/* Set (tangent . G(u)) . G(v) of one point; the tangent is weighted already. */
static void set_point(Stiffness *k, int q, double tangent[COMPONENTS][COMPONENTS],
                      const Slopes s) {
    set_term(&k->r, 3 * q, s[0], tangent[RR], s);
    set_term(&k->r, 3 * q + 1, s[1], tangent[RZ], s);
    set_term(&k->r, 3 * q + 2, s[2], tangent[TT], s);
    set_term(&k->z, 2 * q, s[0], tangent[ZR], s);
    set_term(&k->z, 2 * q + 1, s[1], tangent[ZZ], s);
}

/* Add one point to (phi_m, change tr G(v)), (phi_m, other tr G(v)) and (phi_m, slope phi_n). */
static void add_moments(const Element *e, int q, double change, double other, double slope,
                        const Slopes s, Stiffness *k) {
    for (int m = 0; m < LINEAR; m++) {
        const double part = e->volumes[q] * e->basis[m * POINTS + q];
        for (int a = 0; a < NODES; a++) {
            const double z = part * s[1][a], r = part * (s[0][a] + s[2][a]);
            k->moments[m][a] += change * z;
            k->moments[m][NODES + a] += change * r;
            k->others[m][a] += other * z;
            k->others[m][NODES + a] += other * r;
        }
        for (int n = 0; n < LINEAR; n++)
            k->slope[m][n] += part * slope * e->basis[n * POINTS + q];
    }
}

/* Set one term of the projected part: moments x row. */
static void set_moments(Stiffness *k, int term, const double moments[COLUMNS],
                        const double row[COLUMNS]) {
    memcpy(k->z.left[2 * POINTS + term], moments, sizeof k->z.left[0]);
    memcpy(k->z.right[2 * POINTS + term], row, sizeof k->z.right[0]);
    memcpy(k->r.left[3 * POINTS + term], moments + NODES, sizeof k->r.left[0]);
    memcpy(k->r.right[3 * POINTS + term], row, sizeof k->r.right[0]);
}

/* Set (Pi[change tr G(v)], slope Pi[change tr G(u)]), less Pi[change tr G(v)] other tr G(u) and
   its mirror image, behind the terms of the points. */
static void set_projected(Stiffness *k) {
    for (int m = 0; m < LINEAR; m++) {
        double row[COLUMNS], less[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            row[i] = k->slope[m][0] * k->moments[0][i] + k->slope[m][1] * k->moments[1][i] +
                     k->slope[m][2] * k->moments[2][i] - k->others[m][i];
            less[i] = -k->moments[m][i];
        }
        set_moments(k, m, k->moments[m], row);
        set_moments(k, LINEAR + m, k->others[m], less);
    }
}

/* The sum in `fours` times 4 columns; three rows at a time fill the registers. */
static inline void add_up(const Sum *sum, const int terms, const int fours,
                          double product[NODES][COLUMNS]) {
    for (int a = 0; a < NODES; a += 3) {
        Four rows[3][WIDE] = {{{0}}};
        for (int t = 0; t < terms; t++)
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < fours; j++)
                    rows[i][j] += sum->left[t][a + i] * sum->right[t][j];
        memcpy(product[a], rows, sizeof rows);
    }
}

/* Write the rows of r, their mirror image, and the block of z, ordered by node. */
static void write_stiffness(Stiffness *k, double *out) {
    double r[NODES][COLUMNS], z[NODES][COLUMNS];
    set_projected(k);
    add_up(&k->r, 3 * POINTS + 2 * LINEAR, WIDE, r);
    add_up(&k->z, 2 * POINTS + 2 * LINEAR, NARROW, z);
    for (int a = 0; a < NODES; a++)
        for (int b = 0; b < NODES; b++) {
            double *block = out + 2 * a * DOFS + 2 * b;
            block[0] = r[a][NODES + b];
            block[1] = r[a][b];
            block[DOFS] = r[b][a];
            block[DOFS + 1] = z[a][b];
        }
}

/* ---- plastic flow, in principal values or in components ---- */

typedef struct {
    double scale;   /* deviator over that of the trial */
    double d_gamma; /* equivalent plastic strain of the step */
    double flow;    /* plastic strain of the step over the trial deviator */
    double along;   /* factor of the trial deviator's product with itself in the moduli */
} Return;

/* d_gamma = (q - Y - H alpha) / (3 mu + H), as in `plasticity`. */
static Return radial_return(const Body *body, double square, double equivalent) {
    const double mu = body->shear, stiffness = 3 * mu + body->hardening, q = sqrt(1.5 * square);
    const double over = q - body->yield - body->hardening * equivalent;
    if (!(over > 0)) return (Return){1, 0, 0, 0};
    const double d_gamma = over / stiffness, ratio = d_gamma / q;
    const double along = 6 * mu * mu * (ratio - 1 / stiffness) / square;
    return (Return){1 - 3 * mu * ratio, d_gamma, 1.5 * ratio, along};
}

/* ---- small strain ---- */

/* Trial deviator 2 mu dev(sym(G) - eps_p) and its return; the plastic strain has no trace. */
static Return small_trial(const Body *body, const double g[COMPONENTS], int64_t point,
                          double trial[COMPONENTS]) {
    const double shear = (g[RZ] + g[ZR]) / 2, mean = (g[RR] + g[ZZ] + g[TT]) / 3;
    const double strain[COMPONENTS] = {g[RR] - mean, shear, shear, g[ZZ] - mean, g[TT] - mean};
    double square = 0;
    for (int k = 0; k < COMPONENTS; k++) {
        const double plastic = body->tensor ? body->tensor[COMPONENTS * point + k] : 0;
        trial[k] = 2 * body->shear * (strain[k] - plastic);
        square += trial[k] * trial[k];
    }
    return radial_return(body, square, body->equivalent ? body->equivalent[point] : 0);
}

static void small_history(const Body *body, const Answer *answer, const Return *back,
                          const double trial[COMPONENTS], int64_t point) {
    for (int64_t k = 0, i = COMPONENTS * point; k < COMPONENTS; k++, i++)
        answer->tensor[i] = body->tensor[i] + (back->d_gamma > 0 ? back->flow * trial[k] : 0);
    answer->equivalent[point] = body->equivalent[point] + back->d_gamma;
}

/* Deviatoric part of the tangent: 2 mu (1 - 3 mu d_gamma / q) I_dev and the part along s. */
static void small_tangent(double mu, const Return *back, const double trial[COMPONENTS],
                          double weight, double tangent[COMPONENTS][COMPONENTS]) {
    const double soft = 2 * mu * back->scale * weight, along = back->along * weight;
    for (int k = 0; k < COMPONENTS; k++)
        for (int l = 0; l < COMPONENTS; l++) {
            tangent[k][l] = -soft / 3 * IDENTITY[k] * IDENTITY[l];
            if (back->d_gamma > 0) tangent[k][l] += along * trial[k] * trial[l];
        }
    for (int k = 0; k < COMPONENTS; k++) tangent[k][k] += soft * IDENTITY[k];
    for (int k = RZ; k <= ZR; k++)
        for (int l = RZ; l <= ZR; l++) tangent[k][l] += soft / 2;
}

/* Response or stiffness of a body: sigma = K (Pi[tr G] - 3 g) 1 + s. */
void small_strain(const Mesh *mesh, const Body *body, const double *displacement,
                  const Answer *answer) {
    Stiffness stiffness;
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        double g[POINTS][COMPONENTS], trace[POINTS], change[POINTS], forces[2][NODES] = {{0}};
        for (int q = 0; q < POINTS; q++) {
            gradient_at(&e, q, g[q]);
            trace[q] = g[q][RR] + g[q][ZZ] + g[q][TT];
        }
        project(&e, trace, change);
        clear_moments(&stiffness);
        for (int q = 0; q < POINTS; q++) {
            double trial[COMPONENTS], tangent[COMPONENTS][COMPONENTS];
            const Return back = small_trial(body, g[q], n * POINTS + q, trial);
            if (answer->stiffness) {
                small_tangent(body->shear, &back, trial, e.volumes[q], tangent);
                set_point(&stiffness, q, tangent, e.slopes[q]);
                add_moments(&e, q, 1, 0, body->bulk, e.slopes[q], &stiffness);
                continue;
            }
            const double mean = body->bulk * (change[q] - 3 * body->growth);
            double *stress = answer->stress + (cell * POINTS + q) * COMPONENTS;
            for (int k = 0; k < COMPONENTS; k++)
                stress[k] = back.scale * trial[k] + mean * IDENTITY[k];
            add_forces(stress, e.volumes[q], e.slopes[q], forces);
            if (answer->tensor) small_history(body, answer, &back, trial, n * POINTS + q);
        }
        if (answer->stiffness) write_stiffness(&stiffness, answer->stiffness + cell * DOFS * DOFS);
        else write_forces(forces, answer->forces + cell * DOFS);
    }
}

/* ---- finite strain ---- */

/* One point: F, its inverse, J (weight is not a number where folded), and of the volume's part
   of the stress, weight F^-T, what its change is made of: spread outer(F^-T, F^-T) and the slopes
   by changes of theta. */
typedef struct {
    double f[COMPONENTS], inverse[COMPONENTS], ratio, weight, spread, cross, slope;
} Point;

/* Trial values of b_e in principal axes, the last the hoop's. */
typedef struct {
    double stretch[3], strain[3]; /* b_e and ln(b_e) / 2 */
    double trial[3], sigma[3];    /* trial deviator; Kirchhoff stress after the return */
    double axes[3][COMPONENTS];   /* products of the axes with themselves */
    double turned[COMPONENTS];    /* sum of both products of the two in the plane */
    Return back;
} Principal;

/* F, J, p = Pi[K ln(theta_e) / theta_e - w / theta] and w = J_g k ln(J / theta) of one element. */
static void deform(const Element *e, const Body *body, double grown, Point points[POINTS]) {
    const double bulk = body->bulk, pointwise = grown * body->pointwise;
    double ratio[POINTS], theta[POINTS], value[POINTS], mean[POINTS], apart[POINTS];
    for (int q = 0; q < POINTS; q++) {
        double *f = points[q].f, *inverse = points[q].inverse;
        gradient_at(e, q, f);
        for (int k = 0; k < COMPONENTS; k++) f[k] += IDENTITY[k];
        const double det = f[RR] * f[ZZ] - f[RZ] * f[ZR];
        const double own[COMPONENTS] = {f[ZZ] / det, -f[RZ] / det, -f[ZR] / det, f[RR] / det,
                                        1 / f[TT]};
        memcpy(inverse, own, sizeof own);
        ratio[q] = points[q].ratio = det * f[TT];
    }
    project(e, ratio, theta);
    for (int q = 0; q < POINTS; q++) {
        const double elastic = theta[q] / grown, logarithm = log(elastic);
        apart[q] = pointwise * log(ratio[q] / theta[q]);
        value[q] = bulk * logarithm / elastic - apart[q] / theta[q];
        points[q].cross = pointwise / theta[q];
        points[q].slope = bulk * (1 - logarithm) / (elastic * elastic * grown) +
                          (pointwise + apart[q]) / (theta[q] * theta[q]);
    }
    project(e, value, mean);
    for (int q = 0; q < POINTS; q++) {
        const double part = ratio[q] > 0 && theta[q] > 0 ? mean[q] * ratio[q] : NAN;
        points[q].weight = part + apart[q];
        points[q].spread = part + pointwise;
    }
}

/* Slopes at the deformed place: F^-T dN/dX, and N over the present radius. */
static void deformed_slopes(const Slopes s, const double inverse[COMPONENTS], Slopes out) {
    for (int a = 0; a < NODES; a++) {
        out[0][a] = inverse[RR] * s[0][a] + inverse[ZR] * s[1][a];
        out[1][a] = inverse[RZ] * s[0][a] + inverse[ZZ] * s[1][a];
        out[2][a] = inverse[TT] * s[2][a];
    }
}

/* out = a m a^T. */
static void push(const double a[COMPONENTS], const double m[COMPONENTS], double out[COMPONENTS]) {
    for (int i = 0; i < 4; i += 2) {
        const double r = a[i] * m[RR] + a[i + 1] * m[ZR], z = a[i] * m[RZ] + a[i + 1] * m[ZZ];
        out[i] = r * a[RR] + z * a[RZ];
        out[i + 1] = r * a[ZR] + z * a[ZZ];
    }
    out[TT] = a[TT] * m[TT] * a[TT];
}

/* Components of a tensor with given principal values. */
static void assembled(const Principal *p, const double values[3], double out[COMPONENTS]) {
    for (int k = 0; k < COMPONENTS; k++)
        out[k] = values[0] * p->axes[0][k] + values[1] * p->axes[1][k] + values[2] * p->axes[2][k];
}

/* Principal values and axes of b, from cosine and sine of the double angle. */
static void principal(const double b[COMPONENTS], Principal *p) {
    const double mean = (b[RR] + b[ZZ]) / 2, half = (b[RR] - b[ZZ]) / 2;
    const double radius = sqrt(half * half + b[RZ] * b[RZ]);
    const double cos2 = radius > 0 ? half / radius : 1, sin2 = radius > 0 ? b[RZ] / radius : 0;
    const double c = cos2 / 2, s = sin2 / 2;
    *p = (Principal){.stretch = {mean + radius, mean - radius, b[TT]},
                     .axes = {{0.5 + c, s, s, 0.5 - c, 0}, {0.5 - c, -s, -s, 0.5 + c, 0}},
                     .turned = {-sin2, cos2, cos2, sin2, 0}};
    p->axes[2][TT] = 1;
}

/* Hencky strain of the trial b_e = F C_p^-1 F^T and its radial return. */
static Principal finite_trial(const Body *body, const Point *at, int64_t point) {
    Principal p;
    double metric[COMPONENTS], b[COMPONENTS], square = 0;
    for (int k = 0; k < COMPONENTS; k++)
        metric[k] = IDENTITY[k] + (body->tensor ? body->tensor[COMPONENTS * point + k] : 0);
    push(at->f, metric, b);
    principal(b, &p);
    for (int i = 0; i < 3; i++) p.strain[i] = 0.5 * log(p.stretch[i]);
    const double mean = (p.strain[0] + p.strain[1] + p.strain[2]) / 3;
    for (int i = 0; i < 3; i++) {
        p.trial[i] = 2 * body->shear * (p.strain[i] - mean);
        square += p.trial[i] * p.trial[i];
    }
    p.back = radial_return(body, square, body->equivalent ? body->equivalent[point] : 0);
    return p;
}

/* C_p^-1 = F^-1 b_e F^-T with b_e after the return. */
static void finite_history(const Body *body, const Answer *answer, const Point *at,
                           const Principal *p, int64_t point) {
    double elastic[3], b[COMPONENTS], *tensor = answer->tensor + COMPONENTS * point;
    for (int i = 0; i < 3; i++) elastic[i] = exp(2 * (p->strain[i] - p->back.flow * p->trial[i]));
    assembled(p, elastic, b);
    push(at->inverse, b, tensor);
    for (int k = 0; k < COMPONENTS; k++) tensor[k] -= IDENTITY[k];
    answer->equivalent[point] = body->equivalent[point] + p->back.d_gamma;
}

/* sigma = J_g tau_dev + (p J + w) 1, and its principal values. */
static void kirchhoff(const Point *at, Principal *p, double grown, double sigma[COMPONENTS]) {
    for (int i = 0; i < 3; i++) p->sigma[i] = grown * p->back.scale * p->trial[i] + at->weight;
    assembled(p, p->sigma, sigma);
}

/* Principal values of C: d(sigma)/d(eps) - 2 sigma, and the shear modulus in the plane. */
static double moduli(const Body *body, const Point *at, const Principal *p, double grown,
                     double c[3][3]) {
    const double *b = p->stretch, *trial = p->trial, gap = b[0] - b[1];
    const double soft = 2 * body->shear * p->back.scale;
    double by_strain[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            by_strain[i][j] = soft * ((i == j) - 1.0 / 3) + p->back.along * trial[i] * trial[j];
            c[i][j] = grown * by_strain[i][j] + at->spread - (i == j) * 2 * p->sigma[i];
        }
    const double limit = (by_strain[0][0] - by_strain[0][1]) / (2 * b[0]);
    const double by_b = gap <= EQUAL * b[0] ? limit : p->back.scale * (trial[0] - trial[1]) / gap;
    return (grown * by_b * (b[0] + b[1]) - p->sigma[0] - p->sigma[1]) / 2;
}

/* The weighted tangent C : L + L sigma. */
static void finite_tangent(const Body *body, const Point *at, const Principal *p, double grown,
                           const double sigma[COMPONENTS], double weight,
                           double tangent[COMPONENTS][COMPONENTS]) {
    double c[3][3], rows[3][COMPONENTS];
    const double shear = moduli(body, at, p, grown, c);
    for (int i = 0; i < 3; i++) assembled(p, c[i], rows[i]);
    for (int k = 0; k < COMPONENTS; k++)
        for (int l = 0; l < COMPONENTS; l++)
            tangent[k][l] = weight * (p->axes[0][k] * rows[0][l] + p->axes[1][k] * rows[1][l] +
                                      p->axes[2][k] * rows[2][l] +
                                      shear * p->turned[k] * p->turned[l]);
    for (int i = 0; i < 4; i += 2)
        for (int j = 0; j < 2; j++)
            for (int l = 0; l < 2; l++) tangent[i + j][i + l] += weight * sigma[2 * l + j];
    tangent[TT][TT] += weight * sigma[TT];
}

/* Response or stiffness of a body: the Cauchy stress is sigma / J. */
void finite_strain(const Mesh *mesh, const Body *body, const double *displacement,
                   const Answer *answer) {
    const double grown = pow(1 + body->growth, 3);
    Stiffness stiffness;
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        Point points[POINTS];
        double forces[2][NODES] = {{0}};
        deform(&e, body, grown, points);
        clear_moments(&stiffness);
        for (int q = 0; q < POINTS; q++) {
            const Point *at = points + q;
            Principal p = finite_trial(body, at, n * POINTS + q);
            double sigma[COMPONENTS], tangent[COMPONENTS][COMPONENTS];
            Slopes s;
            kirchhoff(at, &p, grown, sigma);
            deformed_slopes(e.slopes[q], at->inverse, s);
            if (answer->stiffness) {
                finite_tangent(body, at, &p, grown, sigma, e.volumes[q], tangent);
                set_point(&stiffness, q, tangent, s);
                add_moments(&e, q, at->ratio, at->cross, at->slope, s, &stiffness);
                continue;
            }
            double *cauchy = answer->stress + (cell * POINTS + q) * COMPONENTS;
            for (int k = 0; k < COMPONENTS; k++) cauchy[k] = sigma[k] / at->ratio;
            add_forces(sigma, e.volumes[q], s, forces);
            if (answer->tensor) finite_history(body, answer, at, &p, n * POINTS + q);
        }
        if (answer->stiffness) write_stiffness(&stiffness, answer->stiffness + cell * DOFS * DOFS);
        else write_forces(forces, answer->forces + cell * DOFS);
    }
}
