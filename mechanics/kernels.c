/* Element loops of `kinematics`, with the formulas of `hencky` and `plasticity`.

   The NumPy functions of these modules are the reference: names and signs are theirs. Two things
   are done otherwise, with the same result but for round-off. The tangent at finite strain is
   written at the deformed place,

       dP : G(v) = (C : L(du) + L(du) sigma) : L(v),      L(v) = dv/dx,

   with Kirchhoff stress sigma and moduli C that have both minor symmetries, so that it needs
   principal values only; and a projection on 1, r and z goes by three orthonormal functions.

   Components are (rr, rz, zr, zz, tt). Inside, the displacements of an element are ordered
   by direction, first r of all nodes, then z; outside by node. A value that is not finite goes
   on into all that depends on it: no test here may stop it. */

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { RR, RZ, ZR, ZZ, TT, COMPONENTS };
enum { NODES = 9, POINTS = 9, DOFS = 2 * NODES, LINEAR = 3 };

/* Relative gap of principal stretches below which the limit of equal ones is taken. */
static const double EQUAL = 1e-6;
static const double IDENTITY[COMPONENTS] = {1, 0, 0, 1, 1};

/* dN/dr, dN/dz and N/r of the shape functions at one point. */
typedef double Slopes[3][NODES];

typedef struct {
    const int64_t *nodes;  /* (cells, NODES) */
    const Slopes *slopes;  /* (cells, POINTS) */
    const double *volumes; /* (cells, POINTS) */
    const double *basis;   /* (cells, LINEAR, POINTS), orthonormal in the element's volume */
} Mesh;

typedef struct {
    int64_t count;
    const int64_t *cells;
    double bulk, shear, yield, hardening; /* yield: infinite where elastic */
    double growth;
    const double *tensor, *equivalent; /* history, (count, POINTS, ..); NULL where there is none */
} Body;

typedef struct {
    double *forces;              /* (cells, DOFS) */
    double *stress;              /* (cells, POINTS, COMPONENTS) */
    double *tensor, *equivalent; /* history of the body at the end; NULL where not wanted */
} Answer;

/* One element with the displacements of its nodes. */
typedef struct {
    const Slopes *slopes;
    const double *volumes;
    const double *basis;
    double local[2][NODES];
} Element;

/* Radial return in principal values (finite strain) or in components (small strain). */
typedef struct {
    double scale;   /* deviator over trial deviator */
    double d_gamma; /* equivalent plastic strain of the step */
    double ratio;   /* d_gamma / q */
    double along;   /* factor of normal x normal in the moduli, for a normal of length one */
    double norm;    /* length of the trial deviator, one where it does not flow */
} Return;

static Element element_at(const Mesh *mesh, int64_t cell, const double *displacement) {
    Element e = {mesh->slopes + cell * POINTS, mesh->volumes + cell * POINTS,
                 mesh->basis + cell * LINEAR * POINTS, {{0}}};
    for (int a = 0; a < NODES; a++) {
        const double *u = displacement + 2 * mesh->nodes[cell * NODES + a];
        e.local[0][a] = u[0];
        e.local[1][a] = u[1];
    }
    return e;
}

/* G(u) of `assembly`. */
static void gradient_at(const Element *e, int q, double g[COMPONENTS]) {
    const double(*s)[NODES] = e->slopes[q];
    memset(g, 0, COMPONENTS * sizeof(double));
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

/* d_gamma = (q - Y - H alpha) / (3 mu + H) and the moduli's factors, as in `plasticity`. */
static Return radial_return(const Body *body, double norm, double equivalent) {
    const double mu = body->shear, stiffness = 3 * mu + body->hardening, q = sqrt(1.5) * norm;
    const double over = q - body->yield - body->hardening * equivalent;
    if (!(over > 0)) return (Return){1, 0, 0, 0, 1};
    const double d_gamma = over / stiffness, ratio = d_gamma / q;
    return (Return){1 - 3 * mu * ratio, d_gamma, ratio,
                    6 * mu * mu * (ratio - 1 / stiffness), norm};
}

/* Add the forces stress . G(v), weighted, of one point. */
static void add_forces(const double stress[COMPONENTS], double weight, const Slopes s,
                       double forces[2][NODES]) {
    for (int a = 0; a < NODES; a++) {
        forces[0][a] += weight * (stress[RR] * s[0][a] + stress[RZ] * s[1][a] + stress[TT] * s[2][a]);
        forces[1][a] += weight * (stress[ZR] * s[0][a] + stress[ZZ] * s[1][a]);
    }
}

static void write_forces(const double forces[2][NODES], double *out) {
    for (int a = 0; a < NODES; a++) {
        out[2 * a] = forces[0][a];
        out[2 * a + 1] = forces[1][a];
    }
}

/* tangent . G(u), weighted: one row for each component. */
static void tangent_rows(double tangent[COMPONENTS][COMPONENTS], double weight, const Slopes s,
                         double rows[COMPONENTS][DOFS]) {
    for (int k = 0; k < COMPONENTS; k++) {
        double t[COMPONENTS];
        for (int l = 0; l < COMPONENTS; l++) t[l] = weight * tangent[k][l];
        for (int b = 0; b < NODES; b++) {
            rows[k][b] = t[RR] * s[0][b] + t[RZ] * s[1][b] + t[TT] * s[2][b];
            rows[k][NODES + b] = t[ZR] * s[0][b] + t[ZZ] * s[1][b];
        }
    }
}

/* Add G(v) . rows; what is left of the diagonal in the block of z is not needed. */
static void add_stiffness(const Slopes s, double rows[COMPONENTS][DOFS],
                          double stiffness[DOFS][DOFS]) {
    for (int a = 0; a < NODES; a++) {
        for (int i = 0; i < DOFS; i++)
            stiffness[a][i] += s[0][a] * rows[RR][i] + s[1][a] * rows[RZ][i] + s[2][a] * rows[TT][i];
        for (int i = NODES; i < DOFS; i++)
            stiffness[NODES + a][i] += s[0][a] * rows[ZR][i] + s[1][a] * rows[ZZ][i];
    }
}

/* Add the moments weight (phi_m, tr G(v)) of one point to those of the element. */
static void add_moments(const Element *e, int q, double weight, const Slopes s,
                        double moments[LINEAR][DOFS]) {
    for (int m = 0; m < LINEAR; m++) {
        const double part = weight * e->basis[m * POINTS + q];
        for (int a = 0; a < NODES; a++) {
            moments[m][a] += part * (s[0][a] + s[2][a]);
            moments[m][NODES + a] += part * s[1][a];
        }
    }
}

/* Add (Pi[tr G(v)], slope Pi[tr G(u)]), with slope_mn its components between phi_m and phi_n. */
static void add_projected(double moments[LINEAR][DOFS], double slope[LINEAR][LINEAR],
                          double stiffness[DOFS][DOFS]) {
    for (int m = 0; m < LINEAR; m++) {
        double row[DOFS];
        for (int i = 0; i < DOFS; i++)
            row[i] = slope[m][0] * moments[0][i] + slope[m][1] * moments[1][i] +
                     slope[m][2] * moments[2][i];
        for (int i = 0; i < DOFS; i++)
            for (int j = 0; j < DOFS; j++) stiffness[i][j] += moments[m][i] * row[j];
    }
}

/* Write the upper triangle and its mirror image, ordered by node. */
static void write_stiffness(double stiffness[DOFS][DOFS], double *out) {
    for (int i = 0; i < DOFS; i++) {
        const int row = i < NODES ? 2 * i : 2 * (i - NODES) + 1;
        for (int j = i; j < DOFS; j++) {
            const int column = j < NODES ? 2 * j : 2 * (j - NODES) + 1;
            out[row * DOFS + column] = out[column * DOFS + row] = stiffness[i][j];
        }
    }
}

/* ---- small strain ---- */

/* Trial deviator 2 mu dev(sym(G) - eps_p) and its return; the plastic strain has no trace. */
static Return small_trial(const Body *body, const double g[COMPONENTS], int64_t point,
                          double deviator[COMPONENTS]) {
    const double shear = (g[RZ] + g[ZR]) / 2, mean = (g[RR] + g[ZZ] + g[TT]) / 3;
    const double strain[COMPONENTS] = {g[RR] - mean, shear, shear, g[ZZ] - mean, g[TT] - mean};
    double square = 0;
    for (int k = 0; k < COMPONENTS; k++) {
        const double plastic = body->tensor ? body->tensor[COMPONENTS * point + k] : 0;
        deviator[k] = 2 * body->shear * (strain[k] - plastic);
        square += deviator[k] * deviator[k];
    }
    return radial_return(body, sqrt(square), body->equivalent ? body->equivalent[point] : 0);
}

void small_forces(const Mesh *mesh, const Body *body, const double *displacement,
                  const Answer *answer) {
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        double g[POINTS][COMPONENTS], trace[POINTS], change[POINTS], forces[2][NODES] = {{0}};
        for (int q = 0; q < POINTS; q++) {
            gradient_at(&e, q, g[q]);
            trace[q] = g[q][RR] + g[q][ZZ] + g[q][TT];
        }
        project(&e, trace, change);
        for (int q = 0; q < POINTS; q++) {
            const int64_t point = n * POINTS + q;
            double deviator[COMPONENTS];
            double *stress = answer->stress + (cell * POINTS + q) * COMPONENTS;
            const Return r = small_trial(body, g[q], point, deviator);
            const double mean = body->bulk * (change[q] - 3 * body->growth);
            for (int k = 0; k < COMPONENTS; k++)
                stress[k] = r.scale * deviator[k] + mean * IDENTITY[k];
            add_forces(stress, e.volumes[q], e.slopes[q], forces);
            if (!answer->tensor) continue;
            for (int k = 0; k < COMPONENTS; k++) {
                const double flow = sqrt(1.5) * r.d_gamma * deviator[k] / r.norm;
                answer->tensor[COMPONENTS * point + k] =
                    body->tensor[COMPONENTS * point + k] + flow;
            }
            answer->equivalent[point] = body->equivalent[point] + r.d_gamma;
        }
        write_forces(forces, answer->forces + cell * DOFS);
    }
}

/* Deviatoric part of the consistent tangent: 2 mu (1 - 3 mu d_gamma / q) I_dev + along n x n. */
static void small_tangent(double mu, const Return *r, const double deviator[COMPONENTS],
                          double tangent[COMPONENTS][COMPONENTS]) {
    const double along = r->along / (r->norm * r->norm);
    for (int k = 0; k < COMPONENTS; k++)
        for (int l = 0; l < COMPONENTS; l++) {
            const int shears = (k == RZ || k == ZR) && (l == RZ || l == ZR);
            const double unit = shears ? 0.5 : IDENTITY[k] * (k == l);
            tangent[k][l] = 2 * mu * r->scale * (unit - IDENTITY[k] * IDENTITY[l] / 3) +
                            along * deviator[k] * deviator[l];
        }
}

void small_stiffness(const Mesh *mesh, const Body *body, const double *displacement,
                     double *out) {
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        double stiffness[DOFS][DOFS] = {{0}}, moments[LINEAR][DOFS] = {{0}};
        double slope[LINEAR][LINEAR] = {{0}};
        for (int q = 0; q < POINTS; q++) {
            double g[COMPONENTS], deviator[COMPONENTS], tangent[COMPONENTS][COMPONENTS];
            double rows[COMPONENTS][DOFS];
            gradient_at(&e, q, g);
            const Return r = small_trial(body, g, n * POINTS + q, deviator);
            small_tangent(body->shear, &r, deviator, tangent);
            tangent_rows(tangent, e.volumes[q], e.slopes[q], rows);
            add_stiffness(e.slopes[q], rows, stiffness);
            add_moments(&e, q, e.volumes[q], e.slopes[q], moments);
        }
        for (int m = 0; m < LINEAR; m++) slope[m][m] = body->bulk; /* the basis is orthonormal */
        add_projected(moments, slope, stiffness);
        write_stiffness(stiffness, out + cell * DOFS * DOFS);
    }
}

/* ---- finite strain ---- */

/* F = 1 + G with what follows from it, at one point. */
typedef struct {
    double f[COMPONENTS];
    double inverse[COMPONENTS];
    double ratio; /* J */
    double mean;  /* p, not a number where folded */
    double slope; /* d(p)/d(J) before projection */
} Point;

/* Principal values of b_e, the last the hoop's, with what the law makes of them. */
typedef struct {
    double stretch[3], strain[3], trial[3]; /* trial: deviator before the return */
    double tensors[3][COMPONENTS];          /* products of the axes with themselves */
    double turned[COMPONENTS];              /* twice the symmetric product of the two in-plane axes */
    double gap;                             /* of the in-plane stretches */
    Return back;
} Principal;

/* F, J and the mean stress p = Pi[K ln(theta_e) / theta_e] of one element. */
static void deform(const Element *e, double bulk, double grown, Point points[POINTS]) {
    double ratio[POINTS], theta[POINTS], mean[POINTS], projected[POINTS];
    for (int q = 0; q < POINTS; q++) {
        double *f = points[q].f, *inverse = points[q].inverse;
        gradient_at(e, q, f);
        for (int k = 0; k < COMPONENTS; k++) f[k] += IDENTITY[k];
        const double det = f[RR] * f[ZZ] - f[RZ] * f[ZR];
        inverse[RR] = f[ZZ] / det;
        inverse[RZ] = -f[RZ] / det;
        inverse[ZR] = -f[ZR] / det;
        inverse[ZZ] = f[RR] / det;
        inverse[TT] = 1 / f[TT];
        ratio[q] = points[q].ratio = det * f[TT];
    }
    project(e, ratio, theta);
    for (int q = 0; q < POINTS; q++) {
        const double elastic = theta[q] / grown, logarithm = log(elastic);
        mean[q] = bulk * logarithm / elastic;
        points[q].slope = bulk * (1 - logarithm) / (elastic * elastic * grown);
    }
    project(e, mean, projected);
    for (int q = 0; q < POINTS; q++)
        points[q].mean = ratio[q] > 0 && theta[q] > 0 ? projected[q] : NAN;
}

/* Slopes at the deformed place: F^-T dN/dX, and N over the present radius. */
static void deformed_slopes(const Slopes s, const double inverse[COMPONENTS], Slopes out) {
    for (int a = 0; a < NODES; a++) {
        out[0][a] = inverse[RR] * s[0][a] + inverse[ZR] * s[1][a];
        out[1][a] = inverse[RZ] * s[0][a] + inverse[ZZ] * s[1][a];
        out[2][a] = inverse[TT] * s[2][a];
    }
}

/* out = a m a^T of a symmetric tensor m. */
static void push(const double a[COMPONENTS], const double m[COMPONENTS], double out[COMPONENTS]) {
    const double rr = a[RR] * m[RR] + a[RZ] * m[ZR], rz = a[RR] * m[RZ] + a[RZ] * m[ZZ];
    const double zr = a[ZR] * m[RR] + a[ZZ] * m[ZR], zz = a[ZR] * m[RZ] + a[ZZ] * m[ZZ];
    out[RR] = rr * a[RR] + rz * a[RZ];
    out[RZ] = rr * a[ZR] + rz * a[ZZ];
    out[ZR] = zr * a[RR] + zz * a[RZ];
    out[ZZ] = zr * a[ZR] + zz * a[ZZ];
    out[TT] = a[TT] * m[TT] * a[TT];
}

/* Principal stretches of b and the products of its axes, from the double angle. */
static void principal_of(const double b[COMPONENTS], Principal *p) {
    const double mean = (b[RR] + b[ZZ]) / 2, half = (b[RR] - b[ZZ]) / 2;
    const double radius = sqrt(half * half + b[RZ] * b[RZ]);
    const double cos2 = radius > 0 ? half / radius : 1, sin2 = radius > 0 ? b[RZ] / radius : 0;
    const double c = cos2 / 2, s = sin2 / 2;
    p->stretch[0] = mean + radius;
    p->stretch[1] = mean - radius;
    p->stretch[2] = b[TT];
    p->gap = p->stretch[0] - p->stretch[1];
    const double rows[4][COMPONENTS] = {{0.5 + c, s, s, 0.5 - c, 0},
                                        {0.5 - c, -s, -s, 0.5 + c, 0},
                                        {0, 0, 0, 0, 1},
                                        {-sin2, cos2, cos2, sin2, 0}};
    memcpy(p->tensors, rows, sizeof p->tensors);
    memcpy(p->turned, rows[3], sizeof p->turned);
}

/* Hencky strain of the trial b_e = F C_p^-1 F^T and its radial return. */
static Principal trial_at(const Body *body, const Point *at, int64_t point) {
    Principal p;
    double metric[COMPONENTS], b[COMPONENTS], square = 0;
    for (int k = 0; k < COMPONENTS; k++)
        metric[k] = IDENTITY[k] + (body->tensor ? body->tensor[COMPONENTS * point + k] : 0);
    push(at->f, metric, b);
    principal_of(b, &p);
    for (int i = 0; i < 3; i++) p.strain[i] = 0.5 * log(p.stretch[i]);
    const double mean = (p.strain[0] + p.strain[1] + p.strain[2]) / 3;
    for (int i = 0; i < 3; i++) {
        p.trial[i] = 2 * body->shear * (p.strain[i] - mean);
        square += p.trial[i] * p.trial[i];
    }
    p.back = radial_return(body, sqrt(square), body->equivalent ? body->equivalent[point] : 0);
    return p;
}

/* Components of a tensor with given principal values. */
static void assemble(const Principal *p, const double values[3], double out[COMPONENTS]) {
    for (int k = 0; k < COMPONENTS; k++)
        out[k] = values[0] * p->tensors[0][k] + values[1] * p->tensors[1][k] +
                 values[2] * p->tensors[2][k];
}

/* History at the end: C_p^-1 = F^-1 b_e F^-T with the elastic b_e after the return. */
static void write_history(const Body *body, const Answer *answer, const Point *at,
                          const Principal *p, int64_t point) {
    double elastic[3], b[COMPONENTS], *tensor = answer->tensor + COMPONENTS * point;
    for (int i = 0; i < 3; i++) {
        const double flow = sqrt(1.5) * p->back.d_gamma * p->trial[i] / p->back.norm;
        elastic[i] = exp(2 * (p->strain[i] - flow));
    }
    assemble(p, elastic, b);
    push(at->inverse, b, tensor);
    for (int k = 0; k < COMPONENTS; k++) tensor[k] -= IDENTITY[k];
    answer->equivalent[point] = body->equivalent[point] + p->back.d_gamma;
}

void finite_forces(const Mesh *mesh, const Body *body, const double *displacement,
                   const Answer *answer) {
    const double grown = pow(1 + body->growth, 3);
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        Point points[POINTS];
        double forces[2][NODES] = {{0}};
        deform(&e, body->bulk, grown, points);
        for (int q = 0; q < POINTS; q++) {
            const Point *at = points + q;
            const Principal p = trial_at(body, at, n * POINTS + q);
            double kirchhoff[COMPONENTS], principal[3];
            double *stress = answer->stress + (cell * POINTS + q) * COMPONENTS;
            Slopes s;
            for (int i = 0; i < 3; i++)
                principal[i] = grown * p.back.scale * p.trial[i] + at->mean * at->ratio;
            assemble(&p, principal, kirchhoff);
            for (int k = 0; k < COMPONENTS; k++) stress[k] = kirchhoff[k] / at->ratio;
            deformed_slopes(e.slopes[q], at->inverse, s);
            add_forces(kirchhoff, e.volumes[q], s, forces);
            if (answer->tensor) write_history(body, answer, at, &p, n * POINTS + q);
        }
        write_forces(forces, answer->forces + cell * DOFS);
    }
}

/* Principal moduli d(tau)/d(eps), C with the part of the pressure, and L sigma. */
static void finite_tangent(const Body *body, const Point *at, const Principal *p, double grown,
                           double tangent[COMPONENTS][COMPONENTS]) {
    const Return *r = &p->back;
    const double mu = body->shear, weight = at->mean * at->ratio;
    const double along = r->along / (r->norm * r->norm);
    double moduli[3][3], total[3], sigma[COMPONENTS];
    for (int i = 0; i < 3; i++) {
        total[i] = grown * r->scale * p->trial[i] + weight;
        for (int j = 0; j < 3; j++)
            moduli[i][j] = 2 * mu * r->scale * ((i == j) - 1.0 / 3) + along * p->trial[i] * p->trial[j];
    }
    const double limit = (moduli[0][0] - moduli[0][1]) / (2 * p->stretch[0]);
    const double secant = r->scale * (p->trial[0] - p->trial[1]) / p->gap;
    const double by_b = p->gap <= EQUAL * p->stretch[0] ? limit : secant;
    const double shear =
        (grown * by_b * (p->stretch[0] + p->stretch[1]) - total[0] - total[1]) / 2;
    double rows[3][COMPONENTS];
    for (int i = 0; i < 3; i++) {
        double m[3];
        for (int j = 0; j < 3; j++) m[j] = grown * moduli[i][j] + weight - (i == j) * 2 * total[i];
        assemble(p, m, rows[i]);
    }
    for (int k = 0; k < COMPONENTS; k++)
        for (int l = 0; l < COMPONENTS; l++)
            tangent[k][l] = p->tensors[0][k] * rows[0][l] + p->tensors[1][k] * rows[1][l] +
                            p->tensors[2][k] * rows[2][l] + shear * p->turned[k] * p->turned[l];
    assemble(p, total, sigma);
    for (int i = 0; i < 4; i += 2)
        for (int l = 0; l < 2; l++)
            for (int j = 0; j < 2; j++) tangent[i + j][i + l] += sigma[2 * l + j];
    tangent[TT][TT] += sigma[TT];
}

void finite_stiffness(const Mesh *mesh, const Body *body, const double *displacement,
                      double *out) {
    const double grown = pow(1 + body->growth, 3);
    for (int64_t n = 0; n < body->count; n++) {
        const int64_t cell = body->cells[n];
        const Element e = element_at(mesh, cell, displacement);
        Point points[POINTS];
        double stiffness[DOFS][DOFS] = {{0}}, moments[LINEAR][DOFS] = {{0}};
        double slope[LINEAR][LINEAR] = {{0}};
        deform(&e, body->bulk, grown, points);
        for (int q = 0; q < POINTS; q++) {
            const Point *at = points + q;
            const Principal p = trial_at(body, at, n * POINTS + q);
            double tangent[COMPONENTS][COMPONENTS], rows[COMPONENTS][DOFS];
            Slopes s;
            finite_tangent(body, at, &p, grown, tangent);
            deformed_slopes(e.slopes[q], at->inverse, s);
            tangent_rows(tangent, e.volumes[q], s, rows);
            add_stiffness(s, rows, stiffness);
            add_moments(&e, q, e.volumes[q] * at->ratio, s, moments);
            for (int m = 0; m < LINEAR; m++)
                for (int k = 0; k < LINEAR; k++)
                    slope[m][k] += e.volumes[q] * at->slope * e.basis[m * POINTS + q] *
                                   e.basis[k * POINTS + q];
        }
        add_projected(moments, slope, stiffness);
        write_stiffness(stiffness, out + cell * DOFS * DOFS);
    }
}
